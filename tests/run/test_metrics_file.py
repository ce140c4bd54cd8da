"""`metrics.json` and `predictions.npz` are read back as they were written, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from mtrain.errors import MtrainError
from mtrain.metrics.report import make_report
from mtrain.records.report import EvaluatedData, ThresholdChoice
from mtrain.records.training import Predictions
from mtrain.run.metrics import ARRAYS, METRICS, read_report, report_as_json, write_report
from mtrain.run.predictions import read_predictions, write_predictions


def predictions_of(classes: int, rows: int, *, weighted: bool) -> Predictions:
    """Of random labels, the last class absent and never predicted."""
    draw = np.random.default_rng(0)
    labels, predicted = draw.integers(0, classes - 1, (2, rows))
    probabilities = draw.dirichlet(np.ones(classes), rows).astype(np.float32)
    weights = draw.integers(0, 3, rows).astype(np.float64) if weighted else None
    return Predictions(labels, predicted, probabilities, 1.25, weights)


def report_of(predictions: Predictions, **options):
    classes = tuple(f"class {k}" for k in range(predictions.probabilities.shape[1]))
    return make_report(predictions, classes, split="val", checkpoint="epoch-0001", **options)


@pytest.mark.parametrize(
    ("predictions", "options"),
    [
        pytest.param(predictions_of(3, 50, weighted=False), {}, id="plain"),
        pytest.param(
            predictions_of(3, 50, weighted=True),
            {
                "selected": True,
                "threshold": 0.25,
                "threshold_chosen": ThresholdChoice("recall", "val", 0.9, 3, "no epoch is done"),
                "data": EvaluatedData("a.csv", "0" * 64, as_trained_on=False, notes=("a note",)),
                "figures": {"mcc": 0.5, "macro": float("nan"), "f1": 0.1},
            },
            id="everything",
        ),
        pytest.param(predictions_of(1500, 3000, weighted=False), {}, id="many classes"),
    ],
)
def test_a_report_is_read_back(tmp_path, predictions, options):
    """Also with metrics of the user's own that are called as fields are."""
    report = report_of(predictions, **options)
    write_report(report, tmp_path)
    write_predictions(predictions, np.arange(len(predictions.labels))[::-1], tmp_path)

    found = read_report(tmp_path)
    for field in fields(report):
        if field.name not in ARRAYS:
            assert getattr(found, field.name) == getattr(report, field.name)
    np.testing.assert_array_equal(found.confusion_matrix, report.confusion_matrix)
    assert report_as_json(found) == report_as_json(report)
    kept, rows = read_predictions(found, tmp_path)
    assert rows[0] == len(rows) - 1
    for name in ("labels", "predicted", "probabilities", "weights", "loss"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(predictions, name))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data.update(schema=2), "its schema is 2, this mtrain reads 1"),
        (lambda data: data.pop("loss"), "loss: Field required"),
        (lambda data: data.update(more=1), "more: Unexpected keyword argument"),
        (
            lambda data: data["classes"][0].update(tp="3"),
            "classes.0.tp: Input should be a valid int",
        ),
        (lambda data: data["classes"].pop(), "a row and a column for 2 classes"),
        (
            lambda data: data.update(confusion_matrix=[[1], [1, 2]]),
            "confusion_matrix must have a row",
        ),
        (lambda data: data.update(classes=3), "object of type 'int' has no len"),
        (
            lambda data: data["confusion_matrix"][0].__setitem__(0, "1"),
            "0.0: Input should be a valid int",
        ),
        (
            lambda data: data["confusion_matrix"][0].__setitem__(0, 2.5),
            "0.0: Input should be a valid int",
        ),
        (
            lambda data: data["confusion_matrix"][1].__setitem__(0, -1),
            "1.0: Input should be greater",
        ),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, change, problem):
    """In one line, with the file."""
    write_report(report_of(predictions_of(3, 20, weighted=False)), tmp_path)
    data = json.loads((tmp_path / METRICS).read_text())
    change(data)
    (tmp_path / METRICS).write_text(json.dumps(data))

    with pytest.raises(MtrainError) as caught:
        read_report(tmp_path)

    text = str(caught.value)
    assert text.startswith(
        f"{tmp_path / METRICS}: not figures of an evaluation as mtrain writes it"
    )
    assert problem in text
    assert "\n" not in text


@pytest.mark.parametrize("field", ["labels", "predicted"])
def test_predictions_of_no_class_are_refused(tmp_path, field):
    """Their shapes and types are right."""
    predictions = predictions_of(3, 20, weighted=False)
    report = report_of(predictions)
    wrong = replace(predictions, **{field: np.full(20, 3)})
    write_predictions(wrong, np.arange(20), tmp_path)

    name = {"labels": "y_true", "predicted": "y_pred"}[field]
    with pytest.raises(MtrainError, match=rf"predictions.npz: {name}: not all of a class"):
        read_predictions(report, tmp_path)
