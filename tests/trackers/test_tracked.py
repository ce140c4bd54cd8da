"""What trackers are told of a run, also while it grows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

import pytest

import mtrain
from mtrain.cli.main import run
from mtrain.metrics.history import History
from mtrain.records.run import Segment
from mtrain.run.directory import RunDirectory
from mtrain.trackers.tracked import began, last_done, tracked_epochs
from mtrain.workflows.tracked import read_tracked


def grown(history, loss, seconds):
    """The history with an epoch more."""
    history.epoch.append(len(history.epoch) + 1)
    history.seconds.append(seconds)
    history.scalars.setdefault("loss", []).append(loss)
    first, _ = history.segments[-1].epochs
    history.segments[-1] = replace(history.segments[-1], epochs=(first, len(history.epoch)))


def at(minute, second):
    return datetime(2026, 1, 1, 12, minute, second, tzinfo=UTC)


def test_the_epochs_of_a_history_that_grows_are_each_asked_for_once():
    """A run of two epochs is resumed at 12:05, and trains two epochs of ten seconds more."""
    history = History("run", ("a", "b"), segments=[Segment((1, 0), at(0, 0).isoformat())])
    grown(history, 0.5, 20.0)
    grown(history, 0.4, 25.0)
    history.segments.append(Segment((3, 2), at(5, 0).isoformat()))

    epochs = tracked_epochs(history)
    first = list(islice(epochs, 2))
    grown(history, 0.3, 10.0)
    second = list(islice(epochs, 1))
    grown(history, 0.2, 10.0)
    third = list(islice(epochs, 1))

    done = [(one.fingerprint, one.at) for one in (*first, *second, *third)]
    assert done == [
        ((1, 0.5), at(0, 20)),
        ((2, 0.4), at(0, 45)),
        ((3, 0.3), at(5, 10)),
        ((4, 0.2), at(5, 20)),
    ]
    assert done == [(one.fingerprint, one.at) for one in tracked_epochs(history)]


def test_a_run_ends_with_its_last_epoch_or_else_as_it_began():
    history = History("run", ("a", "b"), segments=[Segment((1, 0), at(0, 0).isoformat())])
    assert last_done(history) == began(history) == at(0, 0)

    grown(history, 0.5, 20.0)

    assert last_done(history) == at(0, 20)


def test_an_exported_model_is_that_of_the_evaluated_checkpoint_and_not_of_one_of_its_name(tmp_path):
    """By the checkpoint's hash; by its name once the checkpoint is gone."""
    pytest.importorskip("onnxruntime", reason="the extra mtrain[onnx] is not installed")
    settings = {"dataset": {"name": "digits"}, "model": {"hidden": 4}, "training": {"epochs": 1}}
    for seed in (0, 1):
        mtrain.fit(settings | {"seed": seed}, out=tmp_path / str(seed))
        assert run(["export", str(tmp_path / str(seed))]) == 0
    first = RunDirectory(tmp_path / "0")
    model = read_tracked(first).read_model()
    assert model is not None
    assert model.path == first.path / "model.onnx"

    shutil.copy(tmp_path / "1" / "model.onnx", first.path)

    assert read_tracked(first).read_model() is None
    shutil.rmtree(first.checkpoints / "epoch-0001")
    assert read_tracked(first).read_model() is not None
