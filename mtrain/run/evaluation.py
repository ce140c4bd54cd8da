"""What an evaluation leaves behind: a folder, written whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.run.arrays import npz_bytes
from mtrain.run.directory import EVALUATING
from mtrain.run.files import (
    blaming,
    json_text,
    remove_leftovers,
    whole_folder,
    write_bytes,
    write_csv,
    write_text,
)
from mtrain.run.lock import one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mtrain.metrics.report import Report
    from mtrain.records.arrays import Arrays
    from mtrain.records.dataset import Split
    from mtrain.run.directory import RunDirectory

METRICS = "metrics.json"


def keep_evaluation(
    run: RunDirectory,
    name: str,
    report: Report,
    split: Split,
    charts: Iterable[tuple[str, bytes]],
    *,
    keeps_predictions: bool = True,
) -> None:
    """Write an evaluation into the run, in place of any of this name.

    Everything is as for `write_evaluation`.
    """
    with one_at_a_time(run.path / EVALUATING):
        remove_leftovers(run.evaluations)
        folder = run.evaluations / name
        write_evaluation(folder, report, split, charts, keeps_predictions=keeps_predictions)


def write_evaluation(
    folder: Path,
    report: Report,
    split: Split,
    charts: Iterable[tuple[str, bytes]],
    *,
    keeps_predictions: bool = True,
) -> None:
    """Write the report, predictions and mistakes on the rows of `split`, and charts by file name.

    The folder takes the place of any of its name. Raises `MtrainError` where it cannot be written.
    """
    with blaming(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as beside:
        _write_numbers(beside, report, split, keeps_predictions=keeps_predictions)
        for name, content in charts:
            write_bytes(beside / name, content)


def _write_numbers(folder: Path, report: Report, split: Split, *, keeps_predictions: bool) -> None:
    predictions = report.predictions
    write_text(folder / METRICS, json_text(report.metrics))
    write_text(folder / "classification_report.json", json_text(report.classification_report))
    arrays: Arrays = {
        "rows": split.rows,
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
