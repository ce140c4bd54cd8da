"""What a real MLflow server, with its database, keeps of runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from mlflow_server import (
    TRACKERS,
    client,
    everything,
    history,
    kept,
    needs_trackers,
    serving,
    serving_model,
)
from mlflow_server import files as files_of

import mtrain
from mtrain.cli.main import run
from mtrain.observer import Observer

pytest.importorskip("mlflow", reason="the extra mtrain[mlflow] is not installed")

COMMAND = str(Path(sys.executable).with_name("mtrain"))
EXAMPLES = "as http://localhost:5000 or sqlite:////data/mlflow.db"
SETTINGS = {"dataset": {"name": "digits"}, "model": {"hidden": 12}, "training": {"epochs": 3}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("mlflow")) as (_, address):
        yield address


@pytest.fixture(scope="module")
def followed(server, tmp_path_factory):
    """A run that MLflow followed."""
    path = tmp_path_factory.mktemp("runs") / "followed"
    return mtrain.fit(SETTINGS, out=path, **{"tracking.mlflow": server})


def written(path):
    """Every defined figure of the history by MLflow's name: epoch and value."""
    content = json.loads((path / "history.json").read_text())
    figures = {}
    for key, values in {**content["history"], "seconds": content["seconds"]}.items():
        is_val = key.startswith("val_")
        name = f"val/{key[4:]}" if is_val else f"train/{key}"
        figures[key if key in {"learning_rate", "seconds"} else name] = values
    for split, metrics in content["per_class"].items():
        for metric, rows in metrics.items():
            for k, name in enumerate(content["classes"]):
                figures[f"{split}/{metric}/{name}"] = [row[k] for row in rows]
    return {
        name: [(n, v) for n, v in zip(content["epoch"], values, strict=True) if v is not None]
        for name, values in figures.items()
        if any(value is not None for value in values)
    }


@needs_trackers
def test_every_figure_of_every_epoch_is_kept_and_no_other(server, followed):
    run_kept = kept(server, "followed")

    expected = written(followed.path)
    of_epochs = {key for key in run_kept.data.metrics if not key.startswith("test/")} - {"epoch"}
    assert of_epochs == set(expected)
    for name, values in expected.items():
        assert [(one.step, one.value) for one in history(server, run_kept, name)] == values


@needs_trackers
def test_the_evaluation_is_kept_with_intervals_and_verdicts(server, followed):
    data = kept(server, "followed").data

    report = json.loads((followed.path / "evaluation" / "test" / "metrics.json").read_text())
    assert data.metrics["test/accuracy"] == report["accuracy"]
    for one in report["classes"]:
        assert data.metrics[f"test/recall/{one['name']}"] == one["recall"]
        assert data.metrics[f"test/recall/{one['name']}/low"] == one["recall_ci"][0]
        assert data.metrics[f"test/recall/{one['name']}/high"] == one["recall_ci"][1]
        assert data.tags[f"verdict/{one['name']}"] == one["verdict"]
    assert kept(server, "followed").info.status == "FINISHED"


@needs_trackers
def test_settings_are_parameters_and_files_artifacts(server, followed):
    run_kept = kept(server, "followed")

    assert run_kept.data.params["model.hidden"] == "[12]"
    assert run_kept.data.params["optimizer.name"] == "adam"
    names = {name for name, _ in files_of(server, run_kept)}
    assert names >= {
        "config.yaml",
        "history.json",
        "charts/recall_by_class.png",
        "evaluation/test/confusion_matrix.png",
        "evaluation/test/metrics.json",
    }
    assert not any(name.endswith(".npz") for name in names)


@needs_trackers
def test_a_replay_adds_nothing_to_a_run_that_was_followed(server, followed, capsys):
    before = everything(server, "followed")

    assert run(["log", str(followed.path), "--to", f"mlflow={server}"]) == 0

    assert "nothing new" in capsys.readouterr().out
    assert everything(server, "followed") == before


@needs_trackers
def test_a_run_that_was_not_followed_is_kept_as_if_it_had_been(server, followed, tmp_path, capsys):
    path = tmp_path / "replayed"
    shutil.copytree(followed.path, path)
    (path / "tracking.json").unlink()

    for new in ("3 epochs and its outcome", "nothing new"):
        assert run(["log", str(path), "--to", f"mlflow={server}"]) == 0
        assert new in capsys.readouterr().out

    followed_then, replayed = everything(server, "followed"), everything(server, "replayed")
    for each in (followed_then, replayed):
        for tag in ("mtrain.id", "mlflow.runName"):
            del each["tags"][tag]
    assert replayed == followed_then


class Listening(Observer):
    """Keeps its notes."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        """A note more."""
        self.notes.append(text)


class Killing(Observer):
    """Kills the process after three epochs, once MLflow has one of them."""

    def epoch(self, figures, seconds):
        """An epoch more."""
        if figures.epoch == 3:
            address = os.environ["MLFLOW_OF_THE_TEST"]
            run_kept = kept(address, os.environ["RUN_OF_THE_TEST"])
            while not history(address, run_kept, "epoch"):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGKILL)


@needs_trackers
@pytest.mark.parametrize("every_seconds", [0, 60])
def test_a_killed_run_that_is_resumed_is_kept_as_one_that_was_not_killed(
    server, every_seconds, tmp_path
):
    """From a checkpoint, or anew because the kill came before the first one."""
    settings = SETTINGS | {"training": {"epochs": 5}, "tracking": {"mlflow": server}}
    settings |= {"checkpoint": {"every_seconds": every_seconds}}
    names = f"killed-{every_seconds}", f"whole-{every_seconds}"
    paths = dict(zip(("killed", "whole"), (tmp_path / name for name in names), strict=True))
    program = (
        "import json, sys, mtrain; sys.path.insert(0, sys.argv[1])\n"
        "from test_mlflow import Killing\n"
        "mtrain.fit(json.loads(sys.argv[2]), out=sys.argv[3], observer=Killing())\n"
    )
    arguments = [str(Path(__file__).parent), json.dumps(settings), str(paths["killed"])]

    environment = os.environ | {"MLFLOW_OF_THE_TEST": server, "RUN_OF_THE_TEST": names[0]}
    command = [sys.executable, "-c", program, *arguments]
    killed = subprocess.run(command, env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert 1 <= max(one.step for one in history(server, kept(server, names[0]), "epoch")) <= 3
    subprocess.run([COMMAND, "resume", str(paths["killed"])], check=True, capture_output=True)
    mtrain.fit(settings, out=paths["whole"])

    figures = [
        {
            key: [(step, value) for step, value, _ in values]
            for key, values in everything(server, name)["figures"].items()
            if key != "seconds"
        }
        for name in names
    ]
    assert figures[0] == figures[1]
    assert everything(server, names[0])["status"] == "FINISHED"


@needs_trackers
def test_a_run_that_is_extended_runs_again_and_has_its_new_evaluation(server, tmp_path):
    settings = SETTINGS | {"tracking": {"mlflow": server}}
    path = mtrain.fit(settings, out=tmp_path / "extended").path
    states = []

    class Looking(Observer):
        def epoch(self, figures, seconds):
            """Wait until MLflow has heard of it."""
            while not states or (figures.epoch == 6 and states[-1] != "RUNNING"):
                states.append(kept(server, "extended").info.status)

    mtrain.resume(path, observer=Looking(), **{"training.epochs": 6})

    run_kept = kept(server, "extended")
    assert states[-1] == "RUNNING"
    assert run_kept.info.status == "FINISHED"
    assert [one.step for one in history(server, run_kept, "train/loss")] == [1, 2, 3, 4, 5, 6]
    assert [one.step for one in history(server, run_kept, "test/accuracy")] == [3, 6]
    assert run_kept.data.params["training.epochs"] == "3"
    assert run_kept.data.tags["changed/training.epochs"] == "6"


@needs_trackers
def test_epochs_that_a_resumed_run_has_trained_otherwise_are_logged_again(
    server, followed, tmp_path, capsys
):
    """The run's files are the truth, whether the other loss was larger or smaller."""
    path = tmp_path / "otherwise"
    shutil.copytree(followed.path, path)
    (path / "tracking.json").unlink()
    assert run(["log", str(path), "--to", f"mlflow={server}"]) == 0
    content = json.loads((path / "history.json").read_text())
    content["history"]["loss"][1] /= 2
    (path / "history.json").write_text(json.dumps(content))

    for new in ("1 epoch and its outcome", "nothing new", "nothing new"):
        capsys.readouterr()
        assert run(["log", str(path), "--to", f"mlflow={server}"]) == 0
        assert new in capsys.readouterr().out

    values = history(server, kept(server, "otherwise"), "train/loss")
    assert sorted(one.step for one in values) == [1, 2, 2, 3]
    assert {one.value for one in values} >= set(content["history"]["loss"])


@needs_trackers
def test_classes_with_names_that_mlflow_does_not_allow_are_kept(server, tmp_path):
    data = tmp_path / "rows.csv"
    rows = [f"{n % 9},{'a/b' if n % 9 < 4 else '100%'}" for n in range(90)]
    data.write_text("\n".join(["size,kind", *rows]))
    weights = {"a/b": 2.0, "100%": 1.0}
    settings = {"dataset": {"name": "csv", "path": str(data), "target": "kind"}}
    settings |= {"training": {"epochs": 2, "class_weight": weights}}
    mtrain.fit(settings, out=tmp_path / "illegal", **{"tracking.mlflow": server})

    illegal = kept(server, "illegal")

    assert {"val/recall/a_x2F_b", "val/recall/100_x25_"} <= set(illegal.data.metrics)
    assert {"verdict/a_x2F_b", "verdict/100_x25_"} <= set(illegal.data.tags)
    assert illegal.data.params["training.class_weight.100_x25_"] == "1.0"


@needs_trackers
def test_a_sweep_is_a_run_with_its_members_below(server, tmp_path, capsys):
    path = tmp_path / "swept"
    arguments = ["model.hidden=4,8", f"tracking.mlflow={server}", "training.epochs=2"]
    config = tmp_path / "digits.yaml"
    config.write_text("dataset: digits\n")

    subprocess.run(
        [COMMAND, "sweep", str(config), *arguments, "--out", str(path)],
        check=True,
        capture_output=True,
    )

    parent = kept(server, "swept")
    for member in ("hidden-4", "hidden-8"):
        child = kept(server, member)
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.info.status == "FINISHED"
    assert {name for name, _ in files_of(server, parent)} >= {"sweep.csv", "sweep.json"}
    assert parent.info.status == "FINISHED"
    best = kept(server, parent.data.tags["best"])
    evaluated = json.loads((path / best.info.run_name / "evaluation/test/metrics.json").read_text())
    figures = parent.data.metrics
    assert figures["best/test/accuracy"] == evaluated["accuracy"]
    assert figures["best/val/loss"] == min(
        min(one.value for one in history(server, kept(server, member), "val/loss"))
        for member in ("hidden-4", "hidden-8")
    )
    assert run(["log", str(path), "--to", f"mlflow={server}"]) == 0
    assert capsys.readouterr().out.count("nothing new") == 3


@needs_trackers
def test_a_halved_sweep_is_finished_and_what_it_stopped_is_killed(server, tmp_path, capsys):
    path = tmp_path / "halved"
    config = tmp_path / "digits.yaml"
    config.write_text("dataset: digits\nmodel: {hidden: 4}\ntraining: {epochs: 2}\n")
    rates = "optimizer.learning_rate=0.01,0.00001"
    assert run(["sweep", str(config), rates, "--halving", "{every: 1}", "--out", str(path)]) == 0

    for new in (True, False):
        capsys.readouterr()
        assert run(["log", str(path), "--to", f"mlflow={server}"]) == 0
        assert capsys.readouterr().out.count("nothing new") == (0 if new else 3)

    states = {
        name: kept(server, name).info.status
        for name in ("halved", "learning_rate-0.01", "learning_rate-1e-05")
    }
    assert list(states.values()) == ["FINISHED", "FINISHED", "KILLED"]


@needs_trackers
def test_an_exported_model_is_registered_and_mlflow_predicts_by_it(server, tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="the extra mtrain[onnx] is not installed")
    data = tmp_path / "rows.csv"
    rows = [f"{n % 7},{'red' if n % 3 else 'blue'},{'yes' if n % 3 else 'no'}" for n in range(90)]
    data.write_text("\n".join(["size,colour,bought", *rows]))
    path = tmp_path / "bought"
    table = {"name": "csv", "path": str(data), "target": "bought"}
    mtrain.fit({"dataset": table, "training": {"epochs": 30}}, out=path)
    assert run(["export", str(path)]) == 0

    for new in ("30 epochs and its outcome", "nothing new"):
        capsys.readouterr()
        assert run(["log", str(path), "--to", f"mlflow={server}"]) == 0
        assert new in capsys.readouterr().out

    (version,) = client(server).search_model_versions("name = 'bought'")
    assert version.run_id == kept(server, "bought").info.run_id
    program = (
        "import sys, mlflow, numpy\n"
        "mlflow.set_tracking_uri(sys.argv[1])\n"
        "model = mlflow.pyfunc.load_model('models:/bought/1')\n"
        "rows = {'size': numpy.array([[1], [2]], 'float32')}\n"
        "rows['colour'] = numpy.array([['red'], ['blue']])\n"
        "print([tensor.name for tensor in model.metadata.signature.inputs.inputs])\n"
        "print(model.predict(rows)['label'].tolist())\n"
    )
    command = [TRACKERS / "python", "-c", program, server]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["['size', 'colour']", "['yes', 'no']"]
    with serving_model(server, "models:/bought/1") as address:
        row = {"inputs": {"size": [[1.0], [2.0]], "colour": [["red"], ["blue"]]}}
        answer = requests.post(f"{address}/invocations", json=row, timeout=60)
    assert answer.json()["predictions"]["label"] == ["yes", "no"]


def test_a_server_that_is_not_there_is_named_once_and_ends_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    address = "http://127.0.0.1:9"
    listening = Listening()

    trained = mtrain.fit(
        SETTINGS, out=tmp_path / "run", observer=listening, **{"tracking.mlflow": address}
    )

    assert len(trained.history.epoch) == 3
    assert trained.report is not None
    (note,) = [note for note in listening.notes if "MLflow" in note]
    assert note.startswith("MLflow has failed and is not called again: http://127.0.0.1:9: ")


def test_a_server_that_is_not_there_is_named_once_by_a_sweep(tmp_path):
    config = tmp_path / "digits.yaml"
    config.write_text("dataset: digits\n")
    arguments = ["model.hidden=4,6,8", "tracking.mlflow=http://127.0.0.1:9", "training.epochs=1"]

    done = subprocess.run(
        [COMMAND, "sweep", str(config), *arguments, "--out", str(tmp_path / "swept")],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"},
    )

    (line,) = [line for line in done.stderr.splitlines() if "MLflow" in line]
    assert line == (
        "http://127.0.0.1:9: MLflow refuses, or does not answer: Connection refused; the sweep goes on "
        "without MLflow."
    )
    assert "3/3" in done.stderr


def test_log_says_that_a_server_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mtrain.fit(SETTINGS, out=tmp_path / "run")
    capsys.readouterr()

    assert run(["log", str(tmp_path / "run"), "--to", "mlflow=http://127.0.0.1:9"]) == 1

    assert capsys.readouterr().err == (
        "mtrain: http://127.0.0.1:9: MLflow refuses, or does not answer: Connection refused\n"
    )


@needs_trackers
def test_a_server_that_stops_answering_ends_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with serving(tmp_path) as (process, address):

        class Stopping(Listening):
            def epoch(self, figures, seconds):
                if figures.epoch == 2:
                    while not history(address, kept(address, "run"), "epoch"):
                        time.sleep(0.05)
                    os.killpg(process.pid, signal.SIGSTOP)

        listening = Stopping()
        trained = mtrain.fit(
            SETTINGS, out=tmp_path / "run", observer=listening, **{"tracking.mlflow": address}
        )

        os.killpg(process.pid, signal.SIGCONT)
        assert 1 <= len(history(address, kept(address, "run"), "epoch")) <= 2
        assert kept(address, "run").info.status == "RUNNING"

    assert len(trained.history.epoch) == 3
    (note,) = [note for note in listening.notes if "MLflow" in note]
    assert "timed out" in note


@pytest.mark.parametrize(
    ("to", "message"),
    [
        (
            "aim",
            "--to: choose one of mlflow, tensorboard, trackio, wandb, or TRACKER=URI, got 'aim'",
        ),
        ("", "--to: choose one of mlflow, tensorboard, trackio, wandb, or TRACKER=URI, got ''"),
        ("mlflow", "--to: names no server; write mlflow=URI, or set MLFLOW_TRACKING_URI"),
        ("mlflow=here", f"--to: must be an address, {EXAMPLES}, got 'here'"),
        ("mlflow=localhost:5000", f"--to: must be an address, {EXAMPLES}, got 'localhost:5000'"),
        ("mlflow=http://:5000", f"--to: must be an address, {EXAMPLES}, got 'http://:5000'"),
        (
            "mlflow=file:///data",
            f"--to: MLflow no longer keeps runs in folders; write another address, {EXAMPLES}",
        ),
        (
            "mlflow=sqlite:///runs.db",
            "--to: sqlite: a database needs all of MLflow; `pip install mlflow`",
        ),
    ],
)
def test_an_unknown_tracker_or_address_is_refused(to, message, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert run(["log", str(tmp_path), "--to", to]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert run(["log", str(tmp_path), "--to", "mlflow=http://127.0.0.1:9"]) == 1
    assert "not a run directory" in capsys.readouterr().err


def test_a_tracker_that_is_not_installed_is_refused_before_training(tmp_path, monkeypatch, capsys):
    config = tmp_path / "digits.yaml"
    config.write_text("dataset: digits\ntracking: {mlflow: 'http://127.0.0.1:9'}\n")
    monkeypatch.setattr("mtrain.trackers.packages.find_spec", lambda _: None)

    assert run(["fit", str(config), "--out", str(tmp_path / "run")]) == 2

    expected = "tracking.mlflow: MLflow is not installed; `pip install 'mtrain[mlflow]'`"
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
