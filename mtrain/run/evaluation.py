"""What an evaluation leaves behind, but for its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.run.arrays import npz_bytes
from mtrain.run.files import json_text, write_bytes, write_csv, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.metrics.report import Report
    from mtrain.records import Arrays, Split

METRICS = "metrics.json"


def write_evaluation(
    folder: Path, report: Report, split: Split, *, keeps_predictions: bool = True
) -> None:
    """Write the report, the predictions and the mistakes among the rows of `split`."""
    predictions = report.predictions
    write_text(folder / METRICS, json_text(report.metrics))
    write_text(folder / "classification_report.json", json_text(report.classification_report))
    arrays: Arrays = {
        "y_true": predictions.labels,
        "y_pred": predictions.predicted,
        "probabilities": predictions.probabilities,
    }
    if predictions.weights is not None:
        arrays["weights"] = predictions.weights
    if keeps_predictions:
        write_bytes(folder / "predictions.npz", npz_bytes(arrays))
    write_csv(
        folder / "errors.csv",
        [
            *("row", "true", "predicted", "probability_true", "probability_predicted"),
            *([] if split.names is None else ["file"]),
        ],
        _errors(report, split),
    )


def _errors(report: Report, split: Split) -> list[tuple[int | str | float, ...]]:
    """The mistakes, the most confident first."""
    predictions = report.predictions
    names = [entry["name"] for entry in report.metrics["classes"]]
    wrong = np.flatnonzero(predictions.labels != predictions.predicted)
    true, predicted = predictions.labels[wrong], predictions.predicted[wrong]
    p_true = predictions.probabilities[wrong, true]
    p_predicted = predictions.probabilities[wrong, predicted]
    return [
        (
            int(split.rows[wrong[i]]),
            names[true[i]],
            names[predicted[i]],
            float(str(p_true[i])),
            float(str(p_predicted[i])),
            *([] if split.names is None else [str(split.names[wrong[i]])]),
        )
        for i in np.argsort(-p_predicted, kind="stable")
    ]
