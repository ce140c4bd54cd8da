"""A split that is drawn again must hold the rows that it held in the training."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import mtrain
from mtrain.cli.main import run
from mtrain.data.split import draw, split_off
from mtrain.errors import MtrainError
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints

SPLITS = ("train", "val", "test")


@pytest.fixture
def copied_run(finished_run, tmp_path):
    """A run that a test may train on."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def draw_otherwise(monkeypatch):
    """Split as another version of a library would, whose random numbers are others."""

    def other_split(rows, size, how, seed, section, **options):
        return split_off(rows, size, how, seed + 1, section, **options)

    monkeypatch.setattr("mtrain.data.load.split_off", other_split)


def contents(path):
    names = ("config.yaml", "environment.json", "history.json")
    return [(path / name).read_bytes() for name in names]


def newest(path):
    return list_checkpoints(RunDirectory(path))[0]


def test_a_checkpoint_knows_the_rows_of_every_split(finished_run):
    """SHA-256 of their positions in the data, as 64-bit little-endian integers."""
    splits = json.loads((finished_run / "environment.json").read_text())["splits"]
    identity = read_checkpoint(newest(finished_run)).identity
    with np.load(finished_run / "evaluation" / "test" / "predictions.npz") as arrays:
        rows = arrays["rows"].astype("<i8")

    assert list(splits) == list(SPLITS)
    assert {name: identity[f"splits.{name}"] for name in SPLITS} == splits
    assert len(set(splits.values())) == 3
    assert splits["test"] == hashlib.sha256(rows.tobytes()).hexdigest()


def test_without_validation_there_are_the_rows_of_two_splits(tmp_path):
    config = {"dataset": {"name": "digits", "samples": 200, "validation": None}}
    settings = {"model.hidden": 4, "training.epochs": 1, "training.compile": "graph"}
    trained = mtrain.fit(config, out=tmp_path / "run", report=False, **settings)
    identity = read_checkpoint(newest(trained.path)).identity

    assert {key for key in identity if key.startswith("splits.")} == {"splits.train", "splits.test"}


@pytest.mark.parametrize("split", SPLITS)
def test_evaluate_refuses_a_split_that_is_drawn_otherwise(copied_run, monkeypatch, capsys, split):
    """Rows that were trained on could be among those of the test."""
    draw_otherwise(monkeypatch)

    assert run(["evaluate", str(copied_run), "--split", split]) == 1
    assert capsys.readouterr().err.startswith(
        "mtrain: scikit-learn: the train split holds other rows than in the training of "
        f"{copied_run}/checkpoints/epoch-"
    )


def test_evaluate_from_python_refuses_it_too(copied_run, monkeypatch):
    draw_otherwise(monkeypatch)

    with pytest.raises(MtrainError, match=r"so rows that were trained on may be among them; take"):
        mtrain.evaluate(copied_run)


def test_a_subset_that_is_drawn_otherwise_is_refused(tmp_path, monkeypatch, capsys):
    """Of `dataset.samples` as of any split."""
    out = tmp_path / "run"
    config = {"dataset": {"name": "digits", "samples": 200}, "model": {"hidden": 4}}
    mtrain.fit(config, out=out, **{"training.epochs": 1, "training.compile": "graph"})
    monkeypatch.setattr(
        "mtrain.data.load.draw", lambda rows, samples, seed, at: draw(rows, samples, seed + 1, at)
    )

    assert run(["evaluate", str(out)]) == 1
    assert "the train split holds other rows than" in capsys.readouterr().err


def test_resume_refuses_a_split_that_is_drawn_otherwise(copied_run, monkeypatch, capsys):
    """With a list of the splits; nothing of the run is changed."""
    before = contents(copied_run)
    draw_otherwise(monkeypatch)

    assert run(["resume", str(copied_run), "training.epochs=5"]) == 2
    err = capsys.readouterr().err
    for split in SPLITS:
        assert f"mtrain: {copied_run}: splits.{split}: was " in err
    assert "--allow-differences" in err
    assert contents(copied_run) == before


def test_a_run_that_went_on_with_other_splits_knows_them(copied_run, monkeypatch):
    """Its segment has the differences, and an evaluation accepts the splits of now."""
    draw_otherwise(monkeypatch)
    arguments = ["training.epochs=5", "--allow-differences", "--quiet"]
    assert run(["resume", str(copied_run), *arguments]) == 0

    segment = json.loads((copied_run / "history.json").read_text())["segments"][-1]
    assert {f"splits.{split}" for split in SPLITS} <= set(segment["differences"])
    assert run(["evaluate", str(newest(copied_run)), "--split", "val"]) == 0
