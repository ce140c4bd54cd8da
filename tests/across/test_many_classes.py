"""Thousands of classes: memory, files and lines grow with the rows, not with classes squared."""

from __future__ import annotations

import io
import json
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import CONFIGS
from sklearn import metrics as sklearn_metrics

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.metrics.counts import class_counts
from mtrain.metrics.report import make_report
from mtrain.metrics.scores import pooled
from mtrain.records.dataset import Note
from mtrain.records.training import Predictions
from mtrain.report.charts.evaluation import draw_confusion_matrix, draw_pr, draw_roc
from mtrain.report.console.inspection import print_inspection
from mtrain.run.arrays import read_arrays, write_arrays
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.files import json_text
from mtrain.run.metrics import report_as_json
from mtrain.workflows.check import check

pytestmark = pytest.mark.renders

MEGABYTE = 1_000_000


def predictions_of(classes, rows, *, digits=8, seed=0, weights=None):
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    probabilities = generator.random((rows, classes), np.float32)
    probabilities[np.arange(rows), labels] += generator.random(rows).astype(np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities = np.round(probabilities, digits)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, 1.0, weights)


def names_of(count):
    return tuple(f"class {k}" for k in range(count))


@pytest.mark.parametrize("digits", [3, 8], ids=["many ties", "few ties"])
@pytest.mark.parametrize("weighted", [False, True])
def test_micro_averages_of_many_classes_are_scikit_learns(digits, weighted):
    """Of all pairs at once, though they are counted a class at a time; some rows weigh nothing."""
    weights = np.arange(500) % 4 / 2 if weighted else None
    made = predictions_of(150, 500, digits=digits, weights=weights)
    truths = (made.labels[:, None] == np.arange(150)).ravel()
    scores = made.probabilities.ravel()
    each = None if weights is None else np.repeat(weights, 150)
    counts = pooled(made.labels, made.probabilities, weights)

    area = sklearn_metrics.roc_auc_score(truths, scores, sample_weight=each)
    precision = sklearn_metrics.average_precision_score(truths, scores, sample_weight=each)
    assert counts.roc_auc == pytest.approx(area, abs=1e-12)
    assert counts.average_precision == pytest.approx(precision, abs=1e-12)


def test_counts_of_a_large_matrix_need_no_copy_of_it():
    """2,000 classes: the matrix has 32 MB, and what is counted of it a few kilobytes."""
    confusion = np.ones((2000, 2000), np.int64)
    tracemalloc.start()
    counts = class_counts(confusion)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2 * MEGABYTE
    np.testing.assert_array_equal(counts.fp, np.full(2000, 1999))
    np.testing.assert_array_equal(counts.fn, np.full(2000, 1999))
    np.testing.assert_array_equal(counts.tn, np.full(2000, 1999**2))


def test_a_report_of_many_classes_takes_little_memory():
    """Of 2,000 classes and 3,000 rows: 24 MB of probabilities, 32 MB of confusion matrix."""
    made = predictions_of(2000, 3000)
    tracemalloc.start()
    report = make_report(made, names_of(2000), split="test", checkpoint="epoch-0001")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 200 * MEGABYTE
    assert len(report.confusion_matrix) == 2000


def test_a_matrix_is_written_a_row_a_line():
    """And is read as ever."""
    made = predictions_of(40, 400)
    weighted = predictions_of(40, 400, weights=np.full(400, 0.5))
    for some in (made, weighted):
        report = make_report(some, names_of(40), split="test", checkpoint="epoch-0001")
        text = json_text(report_as_json(report))

        assert json.loads(text) == report_as_json(report)
        first = report.confusion_matrix[0].tolist()
        assert f"\n    [{','.join(map(str, first))}]," in text
        assert text.count("\n") < 40 * 80


def test_what_a_class_is_confused_with_comes_most_often_first():
    """Of equal numbers the lower class; never itself, and at most three."""
    labels = np.zeros(12, np.int64)
    predicted = np.array([0, 0, 0, 3, 3, 1, 1, 2, 5, 5, 5, 4])
    made = Predictions(labels, predicted, np.eye(6, dtype=np.float32)[predicted], 1.0)
    report = make_report(made, names_of(6), split="test", checkpoint="epoch-0001")

    confused = report.classes[0].confused_with
    assert [(entry.id, entry.n) for entry in confused] == [(5, 3), (1, 2), (3, 2)]
    assert report.classes[1].confused_with == ()


@pytest.mark.parametrize("draw", [draw_roc, draw_pr])
def test_of_very_many_classes_some_curves_are_drawn_in_grey(draw):
    """Two hundred at most, and the legend says of how many."""
    made = predictions_of(500, 1000)
    report = make_report(made, names_of(500), split="test", checkpoint="epoch-0001")
    axes = draw(report, made).axes[0]

    curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
    labels = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert len(curves) <= 7 + 200
    assert labels[-1] == "165 of the 493 better classes"


@pytest.fixture
def wide_table(tmp_path):
    """A table of 300 classes of four rows each; its config's mapping."""
    lines = [f"{k}.{n},name{k}" for k in range(300) for n in range(4)]
    (tmp_path / "t.csv").write_text("\n".join(["size,label", *lines]) + "\n")
    some = {"size": 0.25, "how": "random"}
    table = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "label"}
    return {
        "dataset": {**table, "test": some, "validation": some},
        "model": {"hidden": 4},
        "training": {"epochs": 2},
    }


def test_of_a_large_matrix_each_pixel_is_the_largest_of_its_block():
    """A single count is seen among millions of cells; the axes still number the classes."""
    counts = np.zeros((5000, 5000), np.int32)
    counts[4321, 17] = 3
    classes = [SimpleNamespace(id=k, name=f"c{k}") for k in range(5000)]
    report = SimpleNamespace(confusion_matrix=counts, classes=classes, split="test", rows="3 rows")
    axes = draw_confusion_matrix(report).axes[0]
    (image,) = axes.images

    shares = image.get_array()
    assert max(shares.shape) <= 2000
    assert np.argwhere(shares == 1).tolist() == [[4321 // 3, 17 // 3]]
    assert axes.get_xlim() == (-0.5, 4999.5)
    assert axes.get_ylim() == (4999.5, -0.5)


def test_check_of_many_classes_is_as_short_as_an_evaluation(wide_table):
    """A hundred lines of classes and thirty of warnings; the rest is counted."""
    config = load_config(wide_table, {})
    warnings = tuple(Note("rare-class", f"class {k} is rare") for k in range(200))
    inspection = replace(check(config), warnings=warnings)
    print_inspection(inspection, config, stream := io.StringIO())
    lines = stream.getvalue().splitlines()

    assert len([line for line in lines if line.startswith("name")]) == 100
    assert "and 200 classes with no fewer rows to train on" in stream.getvalue()
    assert len([line for line in lines if line.startswith("warning: ")]) == 29
    assert lines[-1] == "and 171 more lines like these"
    assert len(lines) < 150


def test_predictions_can_be_left_out(tmp_path):
    """Everything else is there; a resumed run may change its mind."""
    out = tmp_path / "run"
    settings = ["training.epochs=1", "training.save_best=null", "evaluation.predictions=false"]
    arguments = [str(CONFIGS / "smoke.yaml"), *settings, "--out", str(out), "--quiet"]
    assert run(["fit", *arguments]) == 0
    folder = out / "evaluation" / "test"
    assert not (folder / "predictions.npz").exists()
    assert {"metrics.json", "errors.csv", "roc.png"} <= {path.name for path in folder.iterdir()}

    more = ["training.epochs=2", "evaluation.predictions=true", "--quiet"]
    assert run(["resume", str(out), *more]) == 0
    assert (folder / "predictions.npz").is_file()


def test_a_checkpoint_between_epochs_has_no_matrix_of_zeros(wide_table, tmp_path):
    """Of 300 classes it would be 360 kB in each; a run continues from it all the same."""
    config = tmp_path / "wide.yaml"
    config.write_text(json.dumps(wide_table))
    out = tmp_path / "run"
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    checkpoint = out / "checkpoints" / "epoch-0002"
    with np.load(checkpoint / "arrays.npz") as file:
        assert file["counts/confusion"].size == 0
    assert (checkpoint / "arrays.npz").stat().st_size < 120_000

    assert run(["resume", str(out), "training.epochs=3", "--quiet"]) == 0
    assert read_checkpoint(out / "checkpoints" / "epoch-0003").history.epoch == [1, 2, 3]


def test_a_matrix_of_few_counts_takes_little_room(tmp_path):
    """Within an epoch of 4,000 classes it would be 64 MB; NumPy reads it, too."""
    confusion = np.zeros((4000, 4000), np.int32)
    confusion[np.arange(4000), np.arange(4000) // 2] = 7
    weights = np.ones((600, 600), np.float32)
    path = tmp_path / "arrays.npz"
    write_arrays(path, {"counts/confusion": confusion, "weights": weights})

    assert path.stat().st_size < weights.nbytes + 200_000
    shapes = {"counts/confusion": ("<i4", (4000, 4000)), "weights": ("<f4", (600, 600))}
    for found in (read_arrays(path, shapes), np.load(path)):
        np.testing.assert_array_equal(found["counts/confusion"], confusion)
        np.testing.assert_array_equal(found["weights"], weights)
