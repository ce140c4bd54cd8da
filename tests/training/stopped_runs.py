"""A run that was stopped, and the same one that was not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from mtrain.cli.main import run
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints
from mtrain.run.recorder import Recorder

COMMAND = str(Path(sys.executable).with_name("mtrain"))

EVERYTHING = """
dataset: {name: digits}
model: {hidden: 32, dropout: 0.2, batch_norm: true}
optimizer:
  learning_rate: {name: ExponentialDecay, initial_learning_rate: 0.002, decay_steps: 100,
                  decay_rate: 0.7}
training: {epochs: 6, batch_size: 8, compile: graph, early_stopping: {patience: 3},
           class_weight: {0: 2, 3: 0.5}}
checkpoint: {every_seconds: 0, keep: 3}
"""


def said(capsys, *arguments):
    """Exit status and what stderr says, of a command run in this process."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "everything.yaml"
    path.write_text(EVERYTHING)
    return path


@pytest.fixture(scope="session")
def whole(config, tmp_path_factory):
    """A run that was never stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture(scope="session")
def stopped(config, tmp_path_factory):
    """A run stopped by SIGTERM within its third epoch."""
    out = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.MonkeyPatch.context() as monkeypatch:
        stop_at(monkeypatch, 3, signal.SIGTERM)
        assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 143
    assert list_checkpoints(RunDirectory(out))[0].name.startswith("epoch-0003-step-")
    return out


@pytest.fixture
def run_to_resume(stopped, tmp_path):
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def stop_at(monkeypatch, epoch, *signals):
    """Send this process signals at the first chunk of an epoch."""
    original = Recorder.progress
    left = list(signals)

    def progress(self, take_state):
        if len(self.history.epoch) == epoch - 1:
            for number in left:
                os.kill(os.getpid(), number)
            left.clear()
        original(self, take_state)

    monkeypatch.setattr(Recorder, "progress", progress)


def segments(out):
    return json.loads((out / "history.json").read_text())["segments"]
