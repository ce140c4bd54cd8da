"""Runs on tables, arrays and images, and what `predict` says of rows for them."""

from __future__ import annotations

import csv
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest
from PIL import Image

from mtrain.cli.main import run

CLASSES = ("-b", "=cmd()", "[/x]")
COLUMNS = ["length", "kind", "is wet"]


def table(rows, seed, classes=CLASSES):
    """Features that tell the classes nearly apart."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % len(classes)
    return pa.table(
        {
            "length": (labels + generator.normal(0, 0.4, rows)).round(4),
            "kind": np.array(["u", "v", "w"])[(labels + (generator.random(rows) < 0.2)) % 3],
            "is wet": generator.random(rows) < 0.5,
            "label": np.array(classes)[labels],
        }
    )


def fit(folder, dataset, *overrides):
    """A short training, with no more said."""
    config = folder / "c.yaml"
    config.write_text(
        json.dumps(
            {"dataset": dataset, "model": {"hidden": 8}, "optimizer": {"learning_rate": 0.02}}
        )
    )
    assert (
        run(
            [
                "fit",
                str(config),
                "training.epochs=5",
                *overrides,
                "--out",
                str(folder / "run"),
                "--quiet",
            ]
        )
        == 0
    )
    return folder / "run"


def predicted(capsys, *arguments):
    """What `mtrain predict` prints, as columns of text, by the engine of training."""
    capsys.readouterr()
    assert run(["predict", *map(str, arguments), "--engine", "tensorflow"]) == 0
    return columns(capsys.readouterr().out)


def columns(text):
    """Of CSV, as lists by name."""
    header, *rows = csv.reader(io.StringIO(text))
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def predicted_plainly(capsys, *arguments):
    """The same, by the engine that `predict` chooses."""
    capsys.readouterr()
    assert run(["predict", *map(str, arguments)]) == 0
    return columns(capsys.readouterr().out)


ASIDE = "\nmtrain: --bad-rows FILE sets such rows aside, and predicts the others"
"""The last line of an error about values of a table."""


def refused(capsys, *arguments):
    """The status, and what stderr says."""
    capsys.readouterr()
    status = run(["predict", *map(str, arguments)])
    out = capsys.readouterr()
    assert out.out == ""
    return status, out.err.removeprefix("mtrain: ").removesuffix("\n")


def rows_of(run_path):
    """The table of its test split."""
    return pc.read_csv(run_path.parent / "test.csv")


def given(monkeypatch, content):
    """Bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def probabilities(found):
    """As numbers of the type that they were written from."""
    values = [column for name, column in found.items() if name.startswith("probability_")]
    return np.array(values).astype(np.float32).T


def evaluated(model):
    """What evaluate wrote of each row of the test split."""
    with np.load(model / "evaluation" / "test" / "predictions.npz") as arrays:
        return arrays["y_pred"], arrays["probabilities"]


@pytest.fixture(scope="session")
def tabular(tmp_path_factory):
    """A run of three classes from CSV files, with a test file."""
    folder = tmp_path_factory.mktemp("tabular")
    pc.write_csv(table(120, 0), folder / "train.csv")
    pc.write_csv(table(30, 1), folder / "test.csv")
    dataset = {"name": "csv", "path": "train.csv", "test_path": "test.csv", "target": "label"}
    return fit(folder, {**dataset, "missing": "median"})


@pytest.fixture(scope="session")
def binary(tmp_path_factory):
    """A run of two classes whose threshold is 0.3, which refuses missing values."""
    folder = tmp_path_factory.mktemp("binary")
    pc.write_csv(table(120, 0, ("no", "yes")), folder / "train.csv")
    pc.write_csv(table(30, 1, ("no", "yes")), folder / "test.csv")
    dataset = {"name": "csv", "path": "train.csv", "test_path": "test.csv", "target": "label"}
    return fit(folder, dataset, "evaluation.threshold=0.3")


def write_images(folder, rows, seed):
    generator = np.random.default_rng(seed)
    for k in range(rows):
        place = folder / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 128, (6, 5)) + k % 2 * 100
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{'=' if k < 2 else ''}{k:02}.png")


@pytest.fixture(scope="session")
def pictorial(tmp_path_factory):
    """A run of gray images of 6 x 5 pixels."""
    folder = tmp_path_factory.mktemp("pictorial")
    write_images(folder / "im" / "train", 60, 0)
    write_images(folder / "im" / "test", 20, 1)
    return fit(folder, {"name": "images", "path": "im", "color": "gray"})


@pytest.fixture(scope="session")
def numeric(tmp_path_factory):
    """A run of arrays of floats of the shape of an image."""
    folder = tmp_path_factory.mktemp("numeric")
    generator = np.random.default_rng(0)
    rows = {
        f"x_{split}": generator.normal(size=(n, 4, 3)) for split, n in (("train", 80), ("test", 20))
    }
    labels = {f"y_{split}": np.arange(n) % 2 for split, n in (("train", 80), ("test", 20))}
    np.savez(folder / "a.npz", **rows, **labels)
    return fit(folder, {"name": "npz", "path": "a.npz"})
