"""The most confident mistakes as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.metrics.mistakes import confident_mistakes
from mtrain.records.dataset import SPLITS
from mtrain.report.charts.safe_matplotlib import Figure
from mtrain.report.class_names import class_labels
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.records.report import Report
    from mtrain.records.training import Predictions

COLUMNS = 8
NAME_WIDTH = 14
"""Characters of a class's name below a picture."""

CELL = 1.25
"""Inches from one picture to the next; below it there are two lines of text."""


def draw_mistakes(
    report: Report, predictions: Predictions, images: Sequence[NDArray[np.uint8]]
) -> Figure:
    """`images` are those of the most confident mistakes, in their order."""
    columns = min(COLUMNS, len(images))
    lines = -(-len(images) // COLUMNS)
    figure = Figure(figsize=(max(CELL * columns, 5), 1.3 * CELL * lines + 0.6))
    axes = figure.subplots()
    names = class_labels([one.name for one in report.classes], NAME_WIDTH)
    shown = confident_mistakes(predictions)[: len(images)]
    for number, (image, row) in enumerate(zip(images, shown, strict=True)):
        line, column = divmod(number, COLUMNS)
        left, top = column, 1.3 * line
        height, width = (0.9 * side / max(image.shape[:2]) for side in image.shape[:2])
        axes.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=255,
            interpolation="nearest",
            extent=(left, left + width, top + height, top),
        )
        true, predicted = predictions.labels[row], predictions.predicted[row]
        probability = share(float(predictions.probabilities[row, predicted]))
        text = f"{names[true]}\nas {names[predicted]} {probability}"
        axes.text(left, top + 0.93, text, va="top", fontsize=7, in_layout=False)
    axes.set_xlim(0, max(columns, 5 / CELL))
    axes.set_ylim(1.3 * lines, 0)
    axes.set_axis_off()
    axes.set_title(
        f"The {len(images)} most confident mistakes, {SPLITS[report.split]} split:\n"
        "the true class, and what it was taken for with which probability",
        fontsize=9,
    )
    return figure
