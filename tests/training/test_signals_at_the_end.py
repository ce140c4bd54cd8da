"""Signals that come when training is nearly done, or as its report is made."""

from __future__ import annotations

import json
import os
import signal
from importlib import import_module

import pytest
from crashtest import digest

import mtrain
from mtrain.cli.main import run
from mtrain.engine.predictor import Predictor
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints
from mtrain.run.recorder import Recorder
from mtrain.workflows.plot import write_charts

SHORT = """
dataset: {name: digits, samples: 200}
model: {hidden: 8, dropout: 0.2}
training: {epochs: 2, batch_size: 20, compile: graph}
"""
LAST_STEP = 10
FINISHED = "training is finished and saved; the report is missing; `mtrain resume {}` makes it"
NUMBERS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "short.yaml"
    path.write_text(SHORT)
    return path


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    """The digest of a run that was never stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    return digest(out)


def sending(number, function, *, call=1):
    """The function, but one call of it sends this process a signal first."""
    calls = []

    def sender(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), number)
        return function(*arguments, **options)

    return sender


def said(capsys, *arguments):
    """Exit status and what stderr says, of a command run in this process."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err


def state_of(capsys, out):
    """As `mtrain runs` has it."""
    assert run(["runs", str(out.parent), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    return found["state"]


def assert_resume_makes_the_report(capsys, out, whole):
    """The same as that of a run that was never stopped; then the run is finished."""
    assert said(capsys, "resume", out, "--quiet") == (0, "")
    assert digest(out) == whole
    assert len(list((out / "charts").glob("*.png"))) == 4
    assert state_of(capsys, out) == "finished"


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_in_the_last_chunk_stops_before_the_validation(
    config, whole, tmp_path, monkeypatch, capsys, number
):
    """All steps are done and the epoch is not: it is saved, and nothing is evaluated."""
    out, original = tmp_path / "run", Recorder.progress

    def progress(self, take_state):
        if len(self.history.epoch) == 1 and take_state().cursor.step == LAST_STEP:
            os.kill(os.getpid(), number)
        original(self, take_state)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "progress", progress)
        status, text = said(capsys, "fit", config, "--out", out)
    assert status == 128 + number
    assert (
        f"Training ended: stopped by {number.name}, saved; `mtrain resume {out}` continues it."
        in text
    )
    assert list_checkpoints(RunDirectory(out))[0].name == f"epoch-0002-step-{LAST_STEP:06}"
    assert not (out / "evaluation").exists()
    assert state_of(capsys, out) == f"stopped by {number.name}"

    assert_resume_makes_the_report(capsys, out, whole)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("moment", ["validation", "saving"])
def test_a_signal_at_the_end_of_the_last_epoch_leaves_the_report_out(
    config, whole, tmp_path, monkeypatch, capsys, number, moment
):
    """Nothing is left to train; it is saved, and the status is that of the signal."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        if moment == "validation":
            patch.setattr(Predictor, "predict", sending(number, Predictor.predict, call=2))
        else:
            patch.setattr(Recorder, "finish", sending(number, Recorder.finish))
        status, text = said(capsys, "fit", config, "--out", out)
    assert status == 128 + number
    assert f"Training ended: stopped by {number.name}: {FINISHED.format(out)}." in text
    assert list_checkpoints(RunDirectory(out))[0].name == "epoch-0002"
    assert not (out / "evaluation").exists()
    assert state_of(capsys, out) == "finished, not reported"

    assert_resume_makes_the_report(capsys, out, whole)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "moment",
    [
        "mtrain.training.loop._advice",
        "mtrain.workflows.train_run.evaluate",
        "mtrain.workflows.evaluate.keep_evaluation",
        "mtrain.workflows.train_run.write_charts",
    ],
)
def test_a_signal_during_the_report_ends_it(
    config, whole, tmp_path, monkeypatch, capsys, number, moment
):
    """Between the last step and the report, while it evaluates, writes, and draws charts."""
    module, name = moment.rsplit(".", 1)
    original = getattr(import_module(module), name)
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(moment, sending(number, original))
        status, text = said(capsys, "fit", config, "--out", out)
    assert status == 128 + number
    assert text.endswith(
        f"Training is finished and saved; the report is missing; `mtrain resume {out}` makes it.\n"
    )
    assert state_of(capsys, out) == "finished, not reported"
    assert not [path for path in out.rglob(".*") if path.name.endswith((".tmp", ".old"))]

    assert_resume_makes_the_report(capsys, out, whole)


def test_a_signal_as_early_stopping_ends_the_training_is_told_beside_it(
    config, tmp_path, monkeypatch, capsys
):
    """The run is finished then; `mtrain resume` makes its report and trains no more."""
    out = tmp_path / "run"
    stopping = ["training.epochs=9", "training.early_stopping={patience: 1, min_delta: 9}"]
    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "predict", sending(signal.SIGTERM, Predictor.predict, call=2))
        status, text = said(capsys, "fit", config, *stopping, "--out", out)
    assert status == 143
    why = "val_loss has not improved for 1 epochs"
    assert f"Training ended: {why}; then stopped by SIGTERM: {FINISHED.format(out)}." in text
    assert state_of(capsys, out) == "finished, not reported"

    assert said(capsys, "resume", out, "--quiet") == (0, "")
    assert json.loads((out / "history.json").read_text())["epoch"] == [1, 2]
    assert (out / "evaluation" / "test" / "metrics.json").is_file()
    assert state_of(capsys, out) == "finished"


def test_from_python_an_interrupted_report_is_a_keyboard_interrupt(
    config, whole, tmp_path, monkeypatch
):
    """Ctrl-C leaves a loop of trainings; the run can be resumed."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(
            "mtrain.workflows.train_run.write_charts", sending(signal.SIGINT, write_charts)
        )
        with pytest.raises(KeyboardInterrupt, match=r"stopped and saved; mtrain\.resume\('"):
            mtrain.fit(config, out=out)
    mtrain.resume(out)

    assert digest(out) == whole
