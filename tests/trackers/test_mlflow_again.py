"""What a real MLflow server has of runs that changed since they were logged, or were cut short."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pytest
from mlflow_server import client, history, kept, needs_trackers, serving

import mtrain
from mtrain.cli.main import run

pytest.importorskip("mlflow", reason="the extra mtrain[mlflow] is not installed")

pytestmark = needs_trackers

SETTINGS = {"dataset": {"name": "digits"}, "model": {"hidden": 4}, "training": {"epochs": 2}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("mlflow")) as (_, address):
        yield address


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that no tracker knows."""
    return mtrain.fit(SETTINGS, out=tmp_path_factory.mktemp("runs") / "trained").path


@pytest.fixture
def copied(trained, tmp_path, request):
    """The same run, in a folder that is named as the test."""
    name = request.node.name.partition("[")[0].removeprefix("test_")
    return shutil.copytree(trained, tmp_path / name)


def log(path, address, capsys, *options):
    """What `mtrain log` prints."""
    capsys.readouterr()
    assert run(["log", str(path), "--to", f"mlflow={address}", *options]) == 0
    return capsys.readouterr().out


def change(path, alter):
    content = json.loads(path.read_text())
    alter(content)
    path.write_text(json.dumps(content))


def test_a_run_ends_when_its_last_epoch_was_done(server, tmp_path, capsys):
    """Also if it was followed first, and extended when MLflow did not follow it."""
    path = mtrain.fit(SETTINGS, out=tmp_path / "ends", **{"tracking.mlflow": server}).path
    first = kept(server, "ends")
    mtrain.resume(path, **{"training.epochs": 4, "tracking.mlflow": None})

    assert "2 epochs and its outcome" in log(path, server, capsys)

    last = kept(server, "ends")
    epochs = history(server, last, "epoch")
    assert first.info.end_time == epochs[1].timestamp
    assert last.info.end_time == epochs[3].timestamp
    content = json.loads((path / "history.json").read_text())
    begun = [datetime.fromisoformat(one["started"]).timestamp() for one in content["segments"]]
    seconds = content["seconds"]
    assert last.info.start_time == pytest.approx(1000 * begun[0], abs=1)
    assert last.info.end_time == pytest.approx(1000 * (begun[1] + sum(seconds[2:])), abs=1)


def test_a_run_that_was_followed_and_killed_ends_with_its_last_epoch(server, copied, capsys):
    """MLflow has it as running, as a kill leaves it."""
    name = copied.name
    change(copied / "history.json", lambda content: content["segments"][-1].update(ended=None))
    log(copied, server, capsys)
    client(server).update_run(kept(server, name).info.run_id, "RUNNING")
    shutil.rmtree(copied / "evaluation")
    change(copied / "history.json", lambda content: content["segments"][-1].update(ended="SIGTERM"))

    log(copied, server, capsys)

    run_kept = kept(server, name)
    assert run_kept.info.status == "KILLED"
    assert run_kept.info.end_time == history(server, run_kept, "epoch")[-1].timestamp


def test_a_sweep_begins_with_its_first_member_and_ends_with_its_result(server, tmp_path, capsys):
    path = tmp_path / "timed"
    config = tmp_path / "digits.yaml"
    config.write_text("dataset: digits\nmodel: {hidden: 4}\ntraining: {epochs: 1}\n")
    # Of the members the first by name begins last.
    assert run(["sweep", str(config), "model.hidden=8,10", "--out", str(path)]) == 0

    log(path, server, capsys)

    info = kept(server, "timed").info
    starts = [kept(server, name).info.start_time for name in ("hidden-8", "hidden-10")]
    assert info.start_time == min(starts)
    assert info.end_time == pytest.approx(1000 * (path / "sweep.json").stat().st_mtime, abs=1)
    assert log(path, server, capsys).count("nothing new") == 3
    assert kept(server, "timed").info.end_time == info.end_time


@pytest.mark.parametrize("factor", [0.5, 1.5])
def test_a_changed_evaluation_is_the_one_that_mlflow_shows(server, copied, factor, capsys):
    """Of one step and time MLflow shows the largest value."""
    copied = copied.rename(f"{copied}-{factor}")
    report = copied / "evaluation" / "test" / "metrics.json"
    log(copied, server, capsys)
    change(report, lambda content: content.update(loss=content["loss"] * factor))

    assert ": its outcome; " in log(copied, server, capsys)

    changed = json.loads(report.read_text())
    assert kept(server, copied.name).data.metrics["test/loss"] == changed["loss"]
    assert kept(server, copied.name).data.metrics["test/accuracy"] == changed["accuracy"]
    assert "nothing new" in log(copied, server, capsys)


def test_an_evaluation_on_validation_is_shown_and_not_the_last_epoch(server, copied, capsys):
    """Both have the same name, step and time."""
    shutil.rmtree(copied / "evaluation" / "test")
    report = copied / "evaluation" / "val" / "metrics.json"
    assert run(["evaluate", str(copied), "--split", "val"]) == 0
    change(report, lambda content: content.update(loss=content["loss"] / 2))

    log(copied, server, capsys)

    run_kept = kept(server, copied.name)
    loss = json.loads(report.read_text())["loss"]
    assert run_kept.data.metrics["val/loss"] == loss
    assert [one.step for one in history(server, run_kept, "val/loss")] == [1, 2, 2]
    assert "nothing new" in log(copied, server, capsys)


def test_an_epoch_that_a_kill_left_incomplete_is_completed(server, copied, monkeypatch, capsys):
    """Of two requests MLflow has taken one."""
    import mlflow

    monkeypatch.setattr("mtrain.trackers.mlflow.MOST_METRICS", 130)
    log_batch, batches = mlflow.MlflowClient.log_batch, []

    def killing(self, run_id, metrics=(), **others):
        if metrics:
            batches.append(metrics)
        if len(batches) == 2:
            raise KeyboardInterrupt
        log_batch(self, run_id, metrics=metrics, **others)

    with monkeypatch.context() as killed:
        killed.setattr(mlflow.MlflowClient, "log_batch", killing)
        assert run(["log", str(copied), "--to", f"mlflow={server}"]) == 130
    assert "epoch" in kept(server, copied.name).data.metrics

    assert "1 epoch and its outcome" in log(copied, server, capsys)

    run_kept = kept(server, copied.name)
    for name in ("train/loss", "val/recall/9", "epoch"):
        assert [one.step for one in history(server, run_kept, name)] == [1, 2]


def test_a_password_in_the_environment_is_not_shown(server, copied, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.replace("://", "://ada:secret@"))
    for options in ([], ["--json"]):
        assert run(["log", str(copied), "--to", "mlflow", *options]) == 0
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert run(["log", str(copied), "--to", "mlflow"]) == 1

    out, err = capsys.readouterr()
    run_id = kept(server, copied.name).info.run_id
    assert out.count(f"{server}/#/experiments/") == 2
    assert out.count(f"/runs/{run_id}") == 2
    assert "Connection refused" in err
    assert "secret" not in out + err + (copied / "tracking.json").read_text()


def test_a_model_whose_registration_was_cut_short_is_logged_once(
    server, copied, monkeypatch, capsys
):
    """A kill before it was uploaded, and one before it was registered."""
    pytest.importorskip("onnxruntime", reason="the extra mtrain[onnx] is not installed")
    import mlflow

    assert run(["export", str(copied)]) == 0
    for method in ("log_model_artifacts", "create_model_version"):
        with monkeypatch.context() as killed:
            killed.setattr(mlflow.MlflowClient, method, killing)
            assert run(["log", str(copied), "--to", f"mlflow={server}"]) == 130

    assert "its outcome" in log(copied, server, capsys)

    run_kept = kept(server, copied.name)
    (model,) = client(server).search_logged_models(
        [run_kept.info.experiment_id], f"source_run_id = '{run_kept.info.run_id}'"
    )
    (version,) = client(server).search_model_versions(f"run_id = '{run_kept.info.run_id}'")
    assert model.status == "READY"
    assert version.source == f"models:/{model.model_id}"
    assert "nothing new" in log(copied, server, capsys)


def killing(*_arguments, **_options):
    raise KeyboardInterrupt


def test_a_model_is_logged_where_onnxruntime_is_another_package(
    server, copied, monkeypatch, tmp_path, capsys
):
    """As onnxruntime-gpu, which brings the same module."""
    onnxruntime = pytest.importorskip(
        "onnxruntime", reason="the extra mtrain[onnx] is not installed"
    )
    assert run(["export", str(copied)]) == 0
    version_of = metadata.version

    def version(package):
        if package == "onnxruntime":
            raise metadata.PackageNotFoundError(package)
        return version_of(package)

    monkeypatch.setattr(metadata, "version", version)

    assert "its outcome" in log(copied, server, capsys)

    run_kept = kept(server, copied.name)
    (model,) = client(server).search_logged_models(
        [run_kept.info.experiment_id], f"source_run_id = '{run_kept.info.run_id}'"
    )
    lines = download(server, model, tmp_path).read_text().splitlines()
    assert f"onnxruntime=={onnxruntime.__version__}" in lines


def download(server, model, folder):
    """The requirements of a model."""
    import mlflow

    uri = f"{model.artifact_location}/requirements.txt"
    path = mlflow.artifacts.download_artifacts(uri, dst_path=str(folder), tracking_uri=server)
    return Path(path)
