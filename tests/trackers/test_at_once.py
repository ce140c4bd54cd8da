"""What trackers have of a run or a sweep that several processes log at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mlflow_server import client, files, kept, needs_trackers, serving
from rights import without_roots_rights

import mtrain
from mtrain.cli.main import run
from mtrain.errors import MtrainError
from mtrain.run import lock
from mtrain.run.lock import logging_alone
from mtrain.run.tracking import read_tracking

COMMAND = str(Path(sys.executable).with_name("mtrain"))
SETTINGS = {"dataset": {"name": "digits"}, "model": {"hidden": 4}, "training": {"epochs": 2}}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that no tracker knows."""
    return mtrain.fit(SETTINGS, out=tmp_path_factory.mktemp("runs") / "trained").path


@pytest.fixture
def copied(trained, tmp_path):
    """The same run."""
    return shutil.copytree(trained, tmp_path / "run")


def start(folder, to, **options):
    command = [COMMAND, "log", str(folder), "--to", to]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes, **options)


def log_at_once(folders, to, **options):
    """What each prints, sorted by what was new."""
    processes = [start(folder, to, **options) for folder in folders]
    printed = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(folders), printed
    assert [err for _, err in printed] == [""] * len(folders)
    return sorted(out.partition(": ")[2] for out, _ in printed)


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' capabilities")
def test_a_log_waits_for_another_one_to_the_same_tracker(copied, tmp_path):
    """Also in a run that whoever logs cannot write: its `tracking.json` is there."""
    pytest.importorskip("tensorboard", reason="the extra mtrain[tensorboard] is not installed")
    read_tracking(copied)
    events = tmp_path / "events"
    with logging_alone(copied, "tensorboard"):
        for path in (copied, *copied.rglob("*")):
            path.chmod(0o444 if path.is_file() else 0o555)
        process = start(copied, f"tensorboard={events}", preexec_fn=without_roots_rights)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=6)
        assert not events.exists()
    out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, "")
    assert ": 2 epochs and its outcome; " in out


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux' capabilities")
def test_a_run_that_cannot_be_written_is_logged_once_by_two_at_once(copied, tmp_path):
    """Nobody who could has logged it before."""
    pytest.importorskip("tensorboard", reason="the extra mtrain[tensorboard] is not installed")
    read_tracking(copied)
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)

    printed = log_at_once(
        [copied, copied], f"tensorboard={tmp_path / 'events'}", preexec_fn=without_roots_rights
    )

    assert [text.partition(";")[0] for text in printed] == [
        "2 epochs and its outcome",
        "nothing new",
    ]
    assert not (copied / ".logging-tensorboard").exists()


def test_a_log_that_waits_too_long_says_so(copied, monkeypatch, capsys):
    monkeypatch.setattr(lock, "LONGEST_WAIT", 0.1)
    with logging_alone(copied, "tensorboard"):
        assert run(["log", str(copied), "--to", "tensorboard"]) == 1

    assert capsys.readouterr().err == (
        f"mtrain: {copied}: is being logged by another process; log it again when that has ended\n"
    )


def test_a_log_to_one_tracker_does_not_wait_for_a_log_to_another(copied, tmp_path, capsys):
    pytest.importorskip("tensorboard", reason="the extra mtrain[tensorboard] is not installed")
    with logging_alone(copied, "mlflow"):
        assert run(["log", str(copied), "--to", f"tensorboard={tmp_path / 'events'}"]) == 0


def test_two_that_are_first_get_the_same_id(tmp_path):
    ids = []
    start_together = threading.Barrier(8)

    def read():
        start_together.wait()
        ids.append(read_tracking(tmp_path).id)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_a_link_in_place_of_the_lock_is_refused(copied, tmp_path):
    (copied / ".logging-tensorboard").symlink_to(tmp_path / "elsewhere")

    with (
        pytest.raises(MtrainError, match="is a symbolic link"),
        logging_alone(copied, "tensorboard"),
    ):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_two_at_once_write_one_offline_file(copied, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="the extra mtrain[wandb] is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))

    printed = log_at_once([copied] * 2, "wandb")

    assert printed[1] == "nothing new; project mtrain\n"
    assert len(list(tmp_path.glob("wandb/offline-run-*"))) == 1


@needs_trackers
def test_runs_and_sweeps_that_are_logged_at_once_are_in_mlflow_once(copied, tmp_path, monkeypatch):
    """A run with a model, twice; then two members of a sweep of which MLflow does not know, and the sweep."""
    pytest.importorskip("mlflow", reason="the extra mtrain[mlflow] is not installed")
    pytest.importorskip("onnxruntime", reason="the extra mtrain[onnx] is not installed")
    assert run(["export", str(copied)]) == 0
    config = tmp_path / "digits.yaml"
    config.write_text("dataset: digits\ntraining: {epochs: 1}\n")
    swept = tmp_path / "swept"
    assert run(["sweep", str(config), "model.hidden=8,10", "--out", str(swept)]) == 0
    with serving(tmp_path) as (_, address):
        printed = log_at_once([copied] * 3, f"mlflow={address}")
        assert [text.partition(";")[0] for text in printed] == [
            "2 epochs and its outcome",
            "nothing new",
            "nothing new",
        ]
        of_run = kept(address, "run").info.run_id
        assert len(client(address).search_model_versions(f"run_id = '{of_run}'")) == 1

        log_at_once([swept / "hidden-8", swept / "hidden-10", swept], f"mlflow={address}")
        parent = kept(address, "swept")  # the one run of this name
        for member in ("hidden-8", "hidden-10"):
            child = kept(address, member)
            assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert "sweep.json" in {name for name, _ in files(address, parent)}


@needs_trackers
def test_a_training_that_mlflow_follows_waits_for_a_log_that_began_before(copied, tmp_path):
    """The run is resumed while it is logged: MLflow gets each epoch once, from whoever is first."""
    pytest.importorskip("mlflow", reason="the extra mtrain[mlflow] is not installed")
    with serving(tmp_path) as (_, address):
        options = {"training.epochs": 4, "tracking.mlflow": address}
        with logging_alone(copied, "mlflow"):
            resumed = threading.Thread(target=mtrain.resume, args=(copied,), kwargs=options)
            resumed.start()
            while len(json.loads((copied / "history.json").read_text())["epoch"]) < 4:
                resumed.join(0.1)
            assert client(address).get_experiment_by_name("mtrain") is None
        resumed.join()

        assert kept(address, "run").data.metrics["epoch"] == 4
