"""What the files of a run hold, and that each is documented."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from conftest import ROOT
from jsonschema import Draft202012Validator
from sklearn.metrics import precision_recall_fscore_support

import mtrain
from mtrain.cli.main import run
from mtrain.metrics.history import History
from mtrain.run.arrays import write_arrays
from mtrain.run.history import write_by_class

COLUMNS = ["epoch", "split", "class", "precision", "recall", "f1", "support"]


def rows_of(path):
    """The rows of a CSV file by column."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    assert reader.fieldnames == COLUMNS
    return rows


def numbers(rows, column):
    """An empty cell is NaN."""
    return np.array([float(row[column] or "nan") for row in rows])


def test_figures_by_class_are_scikit_learns_of_the_predictions(finished_run, tmp_path):
    """Of the validation of the last epoch, which an evaluation of its checkpoint predicts again."""
    checkpoint = finished_run / "checkpoints" / "epoch-0004"
    mtrain.evaluate(checkpoint, split="val", out=tmp_path / "val")
    with np.load(tmp_path / "val" / "predictions.npz") as arrays:
        expected = precision_recall_fscore_support(
            arrays["y_true"], arrays["y_pred"], labels=range(10), zero_division=np.nan
        )
    rows = [
        row
        for row in rows_of(finished_run / "by_class.csv")
        if (row["epoch"], row["split"]) == ("4", "val")
    ]

    assert [row["class"] for row in rows] == [str(k) for k in range(10)]
    for column, values in zip(COLUMNS[3:], expected, strict=True):
        np.testing.assert_allclose(numbers(rows, column), values, rtol=1e-12)


def test_every_epoch_split_and_class_has_a_row_of_the_counts_of_the_history(finished_run):
    """In this order; support is a whole number."""
    history = json.loads((finished_run / "history.json").read_text())
    rows = rows_of(finished_run / "by_class.csv")

    assert [(row["epoch"], row["split"], row["class"]) for row in rows] == [
        (str(epoch), split, name)
        for epoch in history["epoch"]
        for split in ("train", "val")
        for name in history["classes"]
    ]
    tp, fp, fn = (
        np.array(
            [history["counts"][split][key] for split in ("train", "val")], np.float64
        ).swapaxes(0, 1)
        for key in ("tp", "fp", "fn")
    )
    assert [row["support"] for row in rows] == [f"{value:.0f}" for value in (tp + fn).ravel()]
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(numbers(rows, "precision"), (tp / (tp + fp)).ravel(), rtol=1e-12)
        np.testing.assert_allclose(numbers(rows, "recall"), (tp / (tp + fn)).ravel(), rtol=1e-12)
        f1 = 2 * tp / (2 * tp + fp + fn)
    np.testing.assert_allclose(numbers(rows, "f1"), f1.ravel(), rtol=1e-12)


def test_what_is_undefined_is_an_empty_cell(tmp_path):
    """A class that is there and never predicted, one that is predicted and not there, and neither."""
    history = History(
        run="by hand",
        classes=("missed", "invented", "=neither", "found"),
        epoch=[1],
        seconds=[1.0],
        scalars={"loss": [1.0]},
        counts={
            "train": {
                "tp": [np.array([0, 0, 0, 3])],
                "fp": [np.array([0, 2, 0, 1])],
                "fn": [np.array([3, 0, 0, 1])],
            }
        },
    )
    write_by_class(history, tmp_path / "by_class.csv")

    assert (tmp_path / "by_class.csv").read_text() == (
        "epoch,split,class,precision,recall,f1,support\n"
        "1,train,missed,,0.0,0.0,3\n"
        "1,train,invented,0.0,,0.0,0\n"
        "1,train,'=neither,,,,0\n"
        "1,train,found,0.75,0.75,0.75,4\n"
    )


def test_without_validation_there_are_rows_of_the_training_alone(tmp_path):
    config = {"dataset": {"name": "digits", "samples": 200, "validation": None}}
    settings = {"model.hidden": 4, "training.epochs": 2, "training.compile": "graph"}
    mtrain.fit(config, out=tmp_path / "run", report=False, **settings)
    rows = rows_of(tmp_path / "run" / "by_class.csv")

    assert [row["split"] for row in rows] == ["train"] * 20
    assert sum(int(row["support"]) for row in rows) == 400


def test_a_resumed_run_has_the_figures_of_all_epochs(tmp_path):
    config = {"dataset": {"name": "digits", "samples": 200}}
    settings = {"model.hidden": 4, "training.compile": "graph"}
    out = tmp_path / "run"
    mtrain.fit(config, out=out, report=False, **settings, **{"training.epochs": 1})
    mtrain.resume(out, report=False, **{"training.epochs": 3})

    assert {row["epoch"] for row in rows_of(out / "by_class.csv")} == {"1", "2", "3"}


def documented(name):
    """How docs/files.md calls the file at this path in a run."""
    name = re.sub(r"^checkpoints/epoch-\d+(-step-\d+)?/", "", name)
    name = re.sub(r"^checkpoints/(best|last)$", r"\1", name)
    name = re.sub(r"^evaluation/[^/]+/", "", name)
    return re.sub(r"^(charts|code|tensorboard)/", "", name)


@pytest.mark.parametrize("classes", [2, 10])
def test_every_file_of_a_finished_run_is_documented(finished_run, tmp_path, classes):
    """By its name, in docs/files.md; of two classes there is a chart more."""
    out = finished_run
    if classes == 2:
        config = {"dataset": {"name": "synthetic", "rows": 100, "features": 4}}
        settings = {"model.hidden": 4, "training.epochs": 1, "training.compile": "graph"}
        out = mtrain.fit(config, out=tmp_path / "run", **settings).path
    page = (ROOT / "docs" / "files.md").read_text()
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}

    assert {"by_class.csv", "checkpoints/last", "evaluation/test/metrics.json"} <= found
    assert ("evaluation/test/threshold.png" in found) == (classes == 2)
    assert sorted(name for name in found if f"`{documented(name)}`" not in page) == []


def test_every_key_of_a_document_is_documented(finished_run):
    """Of history.json, environment.json, metrics.json and a checkpoint's state.json."""
    page = (ROOT / "docs" / "files.md").read_text()
    metrics = json.loads((finished_run / "evaluation" / "test" / "metrics.json").read_text())
    history = json.loads((finished_run / "history.json").read_text())
    checkpoint = finished_run / "checkpoints" / "epoch-0004"
    keys = {
        *json.loads((finished_run / "environment.json").read_text()),
        *json.loads((checkpoint / "state.json").read_text()),
        *history,
        *history["segments"][0],
        *metrics,
        *metrics["classes"][0],
        *metrics["data"],
    }

    assert sorted(key for key in keys if f"`{key}`" not in page) == []


def test_the_readme_names_the_page_and_the_file():
    text = (ROOT / "README.md").read_text()

    assert "(docs/files.md)" in text
    assert "by_class.csv" in text


def test_a_table_can_be_made_of_it_by_the_command_line_alone(tmp_path):
    """`fit` writes it without being asked."""
    out = tmp_path / "run"
    settings = ["training.epochs=1", "training.compile=graph", "--out", str(out), "--quiet"]
    assert run(["fit", str(ROOT / "configs" / "smoke.yaml"), *settings]) == 0

    assert len(rows_of(out / "by_class.csv")) == 20


@pytest.mark.parametrize(
    "name", ["history.json", "environment.json", "evaluation/test/metrics.json"]
)
def test_json_files_are_what_their_schemas_say(name):
    """By somebody else's validator, which refuses a key too many, too few and a text for a number."""
    path = ROOT / "tests" / "stored_run" / name
    content = json.loads(path.read_text())
    schema = json.loads((ROOT / "docs" / "schemas" / f"{path.stem}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)

    assert [error.message for error in validator.iter_errors(content)] == []
    for key in schema["required"]:
        assert not validator.is_valid({k: value for k, value in content.items() if k != key})
    assert not validator.is_valid({**content, "more": 1})
    assert not validator.is_valid({**content, "schema": "1"})


def test_more_arrays_than_can_be_read_again_are_not_written(tmp_path, monkeypatch):
    """As of an ensemble of very many members: the list of a file's arrays must be short."""
    path = tmp_path / "arrays.npz"
    arrays = {f"member_{number}/bias": np.zeros(1, np.float32) for number in range(20)}
    write_arrays(path, arrays)
    path.unlink()
    monkeypatch.setattr("mtrain.run.arrays.LARGEST_DIRECTORY", 1000)
    with pytest.raises(mtrain.MtrainError, match=r"arrays\.npz: 20 arrays are too many"):
        write_arrays(path, arrays)
    assert list(tmp_path.iterdir()) == []
