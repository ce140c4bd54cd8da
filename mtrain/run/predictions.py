"""`predictions.npz`: predictions of every row of a split, written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.records.training import Predictions
from mtrain.run.arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.records.arrays import Arrays, Ints, Shapes
    from mtrain.records.report import Report

PREDICTIONS = "predictions.npz"

OF_RIVALS = "rivals/"
"""Before the names of rivals."""


def write_predictions(predictions: Predictions, rows: Ints, folder: Path) -> None:
    """Write the `predictions.npz` of an evaluation's folder; `rows` are the places in the data."""
    arrays: Arrays = {
        "rows": rows,
        "y_true": predictions.labels,
        "y_pred": predictions.predicted,
        "probabilities": predictions.probabilities,
    }
    if predictions.weights is not None:
        arrays["weights"] = predictions.weights
    if predictions.groups is not None:
        arrays["groups"] = predictions.groups
    arrays |= {f"{OF_RIVALS}{name}": predicted for name, predicted in predictions.rivals.items()}
    write_arrays(folder / PREDICTIONS, arrays)


def read_predictions(report: Report, folder: Path) -> tuple[Predictions, Ints]:
    """The predictions of an evaluation's folder, whose figures are `report`, and the places of rows.

    Raises `MtrainError` if the file is missing, or does not fit the report.
    """
    n, n_classes = report.n, len(report.classes)
    shapes: Shapes = {
        "rows": ("int64", (n,)),
        "y_true": ("int64", (n,)),
        "y_pred": ("int64", (n,)),
        "probabilities": ("float32", (n, n_classes)),
    }
    if report.sample_weighted is not None:
        shapes["weights"] = "float64", (n,)
    if report.groups is not None:
        shapes["groups"] = "int64", (n,)
    rivals = [one.name for one in report.rivals or () if one.problem is None]
    shapes |= {f"{OF_RIVALS}{name}": ("int64", (n,)) for name in rivals}
    arrays = read_arrays(folder / PREDICTIONS, shapes)
    _check_classes(arrays, n_classes, folder)
    predictions = Predictions(
        arrays["y_true"],
        arrays["y_pred"],
        arrays["probabilities"],
        float("nan") if report.loss is None else report.loss,
        arrays.get("weights"),
        groups=arrays.get("groups"),
        rivals={name: arrays[f"{OF_RIVALS}{name}"] for name in rivals},
    )
    return predictions, arrays["rows"]


def read_labels(report: Report, folder: Path) -> tuple[Ints, Ints, Ints, Ints | None]:
    """True classes, predicted classes, places and groups of the rows, without the probabilities.

    These are most of the file. Raises `MtrainError` as `read_predictions` does.
    """
    names = ["rows", "y_true", "y_pred", *([] if report.groups is None else ["groups"])]
    shapes: Shapes = dict.fromkeys(names, ("int64", (report.n,)))
    arrays = read_arrays(
        folder / PREDICTIONS, shapes, ignored=("probabilities.", "weights.", OF_RIVALS)
    )
    _check_classes(arrays, len(report.classes), folder)
    return arrays["y_true"], arrays["y_pred"], arrays["rows"], arrays.get("groups")


def _check_classes(arrays: Arrays, n_classes: int, folder: Path) -> None:
    """Raise `MtrainError` if a label or a prediction is not the index of a class."""
    for name, indices in arrays.items():
        is_of_classes = name in {"y_true", "y_pred"} or name.startswith(OF_RIVALS)
        if is_of_classes and len(indices) and not 0 <= indices.min() <= indices.max() < n_classes:
            raise MtrainError(f"{name}: not all of a class", where=folder / PREDICTIONS)
