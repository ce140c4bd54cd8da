"""The most confident mistakes as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.mistakes import confident_mistakes
from mtrain.records.dataset import SPLITS
from mtrain.report.charts.safe_matplotlib import Figure
from mtrain.report.class_names import class_labels
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mtrain.records.report import Report
    from mtrain.records.training import Predictions

MOST = 16
"""Pictures: more take longer to draw than any other chart."""

COLUMNS = 8
NAME_WIDTH = 14
"""Characters of a class's name below a picture."""

CELL = 1.25
"""Inches from one picture to the next."""

BESIDE, BELOW = 0.1, 0.3
"""Space after a picture, as parts of its longer side; below it are two lines of text."""


def draw_mistakes(
    report: Report, predictions: Predictions, images: Sequence[NDArray[np.uint8]]
) -> Figure:
    """`images`, all of one shape, are those of the most confident mistakes, in their order."""
    images = images[:MOST]
    columns = min(COLUMNS, len(images))
    canvas, height, width = _side_by_side(images, columns)
    inches = canvas.shape[0] / width * CELL, canvas.shape[1] / width * CELL
    figure = Figure(figsize=(max(inches[1], 5), inches[0] + 0.6))
    axes = figure.subplots()
    axes.imshow(canvas, interpolation="nearest")
    names = class_labels([one.name for one in report.classes], NAME_WIDTH)
    for number, row in enumerate(confident_mistakes(predictions)[: len(images)]):
        line, column = divmod(number, columns)
        true, predicted = predictions.labels[row], predictions.predicted[row]
        probability = share(float(predictions.probabilities[row, predicted]))
        text = f"{names[true]}\nas {names[predicted]} {probability}"
        below = line * height + images[0].shape[0]
        axes.text(column * width, below, text, va="top", fontsize=7, in_layout=False)
    axes.set_axis_off()
    axes.set_anchor("W")
    axes.set_title(
        f"The {len(images)} most confident mistakes, {SPLITS[report.split]} split:\n"
        "the true class, and what it was taken for with which probability",
        fontsize=9,
    )
    return figure


def _side_by_side(
    images: Sequence[NDArray[np.uint8]], columns: int
) -> tuple[NDArray[np.uint8], int, int]:
    """All of them in one, which is drawn sooner, in RGB; and the height and width of a cell, in pixels."""
    high, wide = images[0].shape[:2]
    side = max(high, wide)
    height, width = high + round(BELOW * side) + 1, wide + round(BESIDE * side) + 1
    lines = -(-len(images) // columns)
    canvas = np.full((lines * height, columns * width, 3), 255, np.uint8)
    for number, image in enumerate(images):
        top, left = number // columns * height, number % columns * width
        pixels = image[..., None] if image.ndim == 2 else image
        canvas[top : top + high, left : left + wide] = pixels
    return canvas, height, width
