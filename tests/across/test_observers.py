"""Observers that fail, and errors that are told as what they are."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import CONFIGS
from crashtest import digest

import mtrain
from mtrain.cli.main import run
from mtrain.errors import DivergedError
from mtrain.observer import Observer, Observers
from mtrain.run.recorder import Recorder
from mtrain.workflows.list_runs import list_runs

COMMAND = str(Path(sys.executable).with_name("mtrain"))
SETTINGS = {"training.epochs": 3, "training.compile": "graph", "model.hidden": 8}
FULL_DEVICE = Path("/dev/full")
METHODS = ("note", "begin", "progress", "epoch", "saved", "trained", "evaluated", "end")
FULL = OSError(errno.ENOSPC, "No space left on device")


class Failing(Observer):
    """Fails at each of `methods`, and counts how often it is told anything."""

    def __init__(self, *methods, error=FULL):
        self.told = []
        for name in METHODS:
            setattr(self, name, self._method(name, error if name in methods else None))

    def _method(self, name, error):
        def method(*_arguments):
            self.told.append(name)
            if error is not None:
                raise error

        return method


class Listening(Observer):
    """Keeps its notes, and counts epochs."""

    def __init__(self):
        self.notes, self.epochs = [], 0

    def note(self, text):
        """A note more."""
        self.notes.append(text)

    def epoch(self, figures, seconds):
        """An epoch more."""
        self.epochs += 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The digest of a run that nobody watched."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    mtrain.fit(CONFIGS / "smoke.yaml", out=out, progress=False, **SETTINGS)
    return digest(out)


@pytest.mark.parametrize("method", METHODS)
def test_an_observer_that_fails_ends_no_training(whole, tmp_path, capsys, method):
    """It is named once, and told nothing more; the run is what it would have been."""
    observer = Failing(method)
    mtrain.fit(CONFIGS / "smoke.yaml", out=tmp_path / "run", observer=observer, **SETTINGS)
    err = capsys.readouterr().err

    assert digest(tmp_path / "run") == whole
    said = "Failing has failed and is not called again: [Errno 28] No space left on device\n"
    assert err == (said if method in observer.told else "")
    assert observer.told.count(method) <= 1
    assert method == "note" or method in observer.told


def test_a_tracker_that_cannot_begin_makes_a_run_that_failed(tmp_path, monkeypatch):
    """And not one that was killed."""

    def no_trackers(*_):
        raise mtrain.MtrainError("no server answers")

    monkeypatch.setattr("mtrain.workflows.train_run.make_trackers", no_trackers)
    with pytest.raises(mtrain.MtrainError, match="no server answers"):
        mtrain.fit(CONFIGS / "smoke.yaml", out=tmp_path / "runs" / "one", **SETTINGS)

    assert [run.state for run in list_runs(tmp_path / "runs")[0]] == ["failed"]


def test_the_others_are_told_of_it_once(capsys):
    failing, listening = Failing("epoch"), Listening()
    observers = Observers(failing, listening)
    for _ in range(3):
        observers.epoch(None, 1.0)

    assert failing.told == ["epoch"]
    assert listening.epochs == 3
    (note,) = listening.notes
    assert note == "Failing has failed and is not called again: [Errno 28] No space left on device"
    assert capsys.readouterr().err == ""


def test_observers_that_fail_at_once_end_no_training(capsys):
    """The second fails as it is told of the first, and is not told of the epoch either."""
    first, second, third = Failing("epoch"), Failing("note", "epoch"), Listening()
    observers = Observers(first, second, third)
    observers.epoch(None, 1.0)
    observers.epoch(None, 1.0)

    assert first.told == ["epoch"]
    assert second.told == ["note"]
    assert third.epochs == 2
    assert len(third.notes) == 2


def test_where_all_have_failed_stderr_says_so(capsys):
    observers = Observers(Failing("epoch"), Failing("epoch", error=ValueError("\x1b[2Jno")))
    observers.epoch(None, 1.0)
    observers.epoch(None, 1.0)
    (line,) = capsys.readouterr().err.splitlines()

    assert line.startswith("Failing has failed and is not called again: ")
    assert "\x1b" not in line


def test_an_interruption_by_an_observer_is_not_swallowed():
    """Ctrl-C in it is no failure of its own."""
    with pytest.raises(KeyboardInterrupt):
        Observers(Failing("epoch", error=KeyboardInterrupt())).epoch(None, 1.0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # its file is left as it is
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_a_tensorboard_whose_disk_is_full_ends_no_training(tmp_path, monkeypatch, capsys, quiet):
    """A line on stderr names it, which is no progress; training is finished."""
    tensorboard = pytest.importorskip("mtrain.trackers.tensorboard")
    pytest.importorskip("tensorboard", reason="the extra mtrain[tensorboard] is not installed")

    def write(self, figures, seconds):
        raise FULL

    monkeypatch.setattr(tensorboard.TensorBoard, "_write", write)
    settings = [*(f"{key}={value}" for key, value in SETTINGS.items()), "tracking.tensorboard=true"]
    out = tmp_path / "run"
    assert run(["fit", str(CONFIGS / "smoke.yaml"), *settings, *quiet, "--out", str(out)]) == 0
    err = capsys.readouterr().err

    assert err.count("TensorBoard has failed and is not called again: ") == 1
    assert "No space left on device" in err
    assert ("epoch 3/3" in err) == (not quiet)
    assert (out / "evaluation" / "test" / "metrics.json").is_file()


@pytest.mark.parametrize("where", ["before", "after"])
def test_debug_keeps_the_status_of_a_mistake_in_the_config(tmp_path, capsys, where):
    """2, with the message below the traceback."""
    config = tmp_path / "c.yaml"
    config.write_text("optimiser: adam\n")
    arguments = ["fit", str(config)]
    assert run(["--debug", *arguments] if where == "before" else [*arguments, "--debug"]) == 2
    err = capsys.readouterr().err
    assert run(arguments) == 2

    assert err.startswith("Traceback (most recent call last):\n")
    assert err.endswith(capsys.readouterr().err)


@pytest.mark.parametrize("debug", [[], ["--debug"]])
def test_debug_keeps_the_status_of_a_training_that_diverged(tmp_path, monkeypatch, capsys, debug):
    """4; what was learned is saved."""
    original = Recorder.progress

    def progress(self, take_state):
        if len(self.history.epoch) == 1:
            raise DivergedError("epoch 2, step 1: the loss is nan: training diverged")
        original(self, take_state)

    monkeypatch.setattr(Recorder, "progress", progress)
    out = tmp_path / "run"
    arguments = ["fit", str(CONFIGS / "smoke.yaml"), "training.compile=graph", "--out", str(out)]
    assert run([*arguments, "--quiet", *debug]) == 4
    err = capsys.readouterr().err

    assert ("Traceback" in err) == bool(debug)
    assert err.endswith("checkpoint epoch-0001 is the last good one\n")


@pytest.mark.parametrize("debug", [[], ["--debug"]])
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ESTALE, "Stale file handle"), "Stale file handle"),
        (OSError("the cable is out"), "the cable is out"),
        (OSError(), "OSError"),
        (OSError(errno.EACCES, "Permission denied", "/a/file"), "/a/file: Permission denied"),
        (MemoryError(), "out of memory"),
    ],
)
def test_an_error_of_the_system_is_told_as_it_is(
    finished_run, monkeypatch, capsys, error, message, debug
):
    """Standard output is not blamed for one without a file's name."""

    def load(*_arguments, **_options):
        raise error

    monkeypatch.setattr("mtrain.workflows.checkpoint_data.load_source", load)
    assert run(["evaluate", str(finished_run), *debug]) == 1
    err = capsys.readouterr().err

    assert err.splitlines()[-1] == f"mtrain: {message}"
    assert ("Traceback" in err) == bool(debug)


def test_a_graph_that_cannot_be_drawn_is_not_blamed_on_standard_output(
    tmp_path, monkeypatch, capsys
):
    """Nor is anything printed before it."""

    def fail(*_arguments):
        raise FULL

    monkeypatch.setattr("mtrain.workflows.summarize.draw_graph", fail)
    graph = str(tmp_path / "network.png")
    assert run(["summary", str(CONFIGS / "smoke.yaml"), "--graph", graph]) == 1
    out, err = capsys.readouterr()

    assert (out, err.splitlines()[-1]) == ("", "mtrain: No space left on device")


@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [
        *(["--version"], [], ["schema"], ["init", "OUT/c.yaml"], ["runs", "RUNS"]),
        ["plot", "RUN", "--out", "OUT"],
    ],
    ids=" ".join,
)
def test_a_full_standard_output_is_named(finished_run, tmp_path, arguments, unbuffered):
    """With status 1, and nothing else on stderr; whether or not Python buffers it."""
    paths = {
        "RUNS": finished_run.parent,
        "RUN": finished_run,
        "OUT": tmp_path,
        "OUT/c.yaml": tmp_path / "c.yaml",
    }
    with FULL_DEVICE.open("w") as full:
        done = subprocess.run(
            [COMMAND, *(str(paths.get(argument, argument)) for argument in arguments)],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )

    assert (done.returncode, done.stderr) == (
        1,
        "mtrain: standard output: No space left on device\n",
    )
