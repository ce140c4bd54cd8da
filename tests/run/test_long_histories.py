"""The largest histories that are legal to write are legal to read."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mtrain.cli.main import run
from mtrain.metrics.history import History
from mtrain.records.run import Segment
from mtrain.run.checkpoint import read_checkpoint, save_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints
from mtrain.run.history import HistoryFile, read_history

COUNTS = ("tp", "fp", "fn")
RATIOS = ("precision", "recall", "f1")


def long_history(epochs, classes):
    """A history of random figures, some of them undefined, of training and validation."""
    generator = np.random.default_rng(0)

    def figures(*shape):
        values = generator.random(shape)
        values[generator.random(shape) < 0.01] = np.nan
        return values

    splits = ("train", "val")
    return History(
        run="long",
        classes=tuple(f"class {k}" for k in range(classes)),
        epoch=list(range(1, epochs + 1)),
        seconds=generator.random(epochs).tolist(),
        scalars={
            key: figures(epochs).tolist()
            for key in ("loss", "accuracy", "learning_rate", "val_loss")
        },
        counts={
            split: {key: list(generator.integers(0, 2**40, (epochs, classes))) for key in COUNTS}
            for split in splits
        },
        per_class={
            split: {key: list(figures(epochs, classes)) for key in RATIOS} for split in splits
        },
        segments=[
            Segment((1, epochs), "2026-01-02T03:04:05+00:00", host="here"),
        ],
    )


def assert_same(found, expected):
    """Equal to the last bit, undefined figures included."""
    assert found.run == expected.run
    assert found.classes == expected.classes
    assert found.epoch == expected.epoch
    assert found.seconds == expected.seconds
    assert found.segments == expected.segments
    assert list(found.scalars) == list(expected.scalars)
    for key, values in expected.scalars.items():
        assert_same_bits(found.scalars[key], values, np.float64)
    for kind, dtype in (("counts", np.int64), ("per_class", np.float64)):
        columns, wanted = getattr(found, kind), getattr(expected, kind)
        assert list(columns) == list(wanted)
        for split, by_name in wanted.items():
            assert list(columns[split]) == list(by_name)
            for name, rows in by_name.items():
                assert_same_bits(columns[split][name], rows, dtype)


def assert_same_bits(found, expected, dtype):
    found, expected = np.array(found, dtype), np.array(expected, dtype)
    assert found.shape == expected.shape
    if dtype is np.float64:  # whichever of the many NaN
        assert (np.isnan(found) == np.isnan(expected)).all()
        found, expected = np.nan_to_num(found, nan=-1.0), np.nan_to_num(expected, nan=-1.0)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(("epochs", "classes"), [(84_000, 2), (20, 10_000)])
def test_the_longest_history_is_read_back_from_a_checkpoint_and_from_json(
    finished_run, tmp_path, epochs, classes
):
    """Many epochs of a small table, or many classes: as many figures as they have."""
    stored = list_checkpoints(RunDirectory(finished_run))[0]
    with np.load(stored / "arrays.npz") as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("history/")}
    saved = read_checkpoint(stored)
    history = long_history(epochs, classes)
    checkpoint = replace(
        saved,
        classes=history.classes,
        history=history,
        cursor=replace(saved.cursor, epoch=epochs),
        best=f"epoch-{epochs // 2:04}",
    )
    out = RunDirectory(tmp_path / "run")
    out.path.mkdir()
    HistoryFile(history, out.history).write()
    name = save_checkpoint(out, checkpoint, arrays)

    found = read_checkpoint(out.checkpoints / name)
    assert_same(found.history, history)
    assert found.classes == history.classes
    assert found.cursor == checkpoint.cursor
    assert found.best == checkpoint.best
    assert_same(read_history(out.path), history)


def test_columns_of_another_length_than_the_epochs_that_are_done_are_refused(
    finished_run, tmp_path, capsys
):
    """How large the arrays may be follows from how many epochs the state says are done."""
    stored = list_checkpoints(RunDirectory(finished_run))[0]
    with np.load(stored / "arrays.npz") as file:
        arrays = {name: file[name] for name in file.files if not name.startswith("history/")}
    saved = read_checkpoint(stored)
    out = RunDirectory(tmp_path / "run")
    out.path.mkdir()
    wrong = replace(saved, cursor=replace(saved.cursor, epoch=5))
    name = save_checkpoint(out, wrong, arrays)

    assert run(["evaluate", str(out.checkpoints / name)]) == 1
    assert "its history has 4 epochs, its cursor 5" in capsys.readouterr().err


def test_a_run_of_a_thousand_epochs_of_one_batch_resumes_and_is_evaluated(tmp_path, capsys):
    """A tiny table is trained for thousands of epochs in minutes."""
    config, out = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(
        "dataset: {name: synthetic, rows: 40, features: 2}\n"
        "model: {hidden: []}\n"
        "metrics: [accuracy]\n"
        "training: {epochs: 1000, batch_size: 64, compile: graph}\n"
    )
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    assert run(["resume", str(out), "training.epochs=1010", "--quiet"]) == 0
    assert run(["evaluate", str(out), "--split", "val"]) == 0
    capsys.readouterr()

    history = json.loads((out / "history.json").read_text())
    assert history["epoch"] == list(range(1, 1011))
    assert len(history["counts"]["val"]["tp"]) == 1010
    assert [segment["epochs"] for segment in history["segments"]] == [[1, 1000], [1001, 1010]]
    assert len((out / "history.csv").read_text().splitlines()) == 1011
