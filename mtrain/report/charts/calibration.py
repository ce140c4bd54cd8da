"""How often rows are right that are predicted with some probability, together and by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.calibration import reliability
from mtrain.records.dataset import SPLITS
from mtrain.report.charts.safe_matplotlib import Figure
from mtrain.report.charts.style import COLOURS, GREY
from mtrain.report.class_names import class_labels
from mtrain.report.text import axis_start, share
from mtrain.statistics.binomial import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from mtrain.records.arrays import Floats
    from mtrain.records.report import ClassReport, Report
    from mtrain.records.training import Predictions
    from mtrain.statistics.calibration import Calibration

COLUMNS = 4

MOST_CLASSES = 11
"""Classes with a part of their own, beside one for all rows."""

NAME_WIDTH = 18
"""Characters of a class's name above its part."""

INCHES = 7.0
"""The width of all parts of a line."""

WIDTH, HEIGHT = 1.15, 1.3
"""From one part to the next, whose sides are 1."""


def draw_calibration(report: Report, predictions: Predictions) -> Figure:
    """The share of right rows over the probability of the predicted class, with exact 95 % bands.

    Of all rows, and of those predicted as each class; of more classes than `MOST_CLASSES`, as those of the
    largest errors.
    """
    entries = _shown(report.classes)
    parts = [("all rows", reliability(predictions))]
    names = class_labels([one.name for one in entries], NAME_WIDTH, [one.id for one in entries])
    parts += [
        (name, reliability(predictions, one.id)) for name, one in zip(names, entries, strict=True)
    ]
    start = axis_start([share for _, bins in parts if bins is not None for share in _shares(bins)])
    # All in one system of axes: twelve of them take matplotlib three times as long as another chart.
    columns = min(COLUMNS, len(parts))
    lines = -(-len(parts) // columns)
    side = INCHES / columns
    figure = Figure(figsize=(0.6 + side * columns, 0.9 + HEIGHT / WIDTH * side * lines))
    axes = figure.subplots()
    for number, (name, bins) in enumerate(parts):
        line, column = divmod(number, columns)
        _draw(axes, np.array([column * WIDTH, -line * HEIGHT]), name, bins, start)
    axes.set_xlim(-0.15, columns * WIDTH - 0.1)
    axes.set_ylim((1 - lines) * HEIGHT - 0.15, 1.3)
    axes.set_aspect("equal")
    axes.set_xticks([column * WIDTH + x for column in range(columns) for x in (0, 1)])
    axes.set_yticks([y - line * HEIGHT for line in range(lines) for y in (0, 1)])
    axes.set_xticklabels([f"{start:g}", "1"] * columns, fontsize=8)
    axes.set_yticklabels([f"{start:g}", "1"] * lines, fontsize=8)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("probability of the predicted class", fontsize=9)
    axes.set_ylabel("share that is right, exact 95 % interval", fontsize=9)
    left_out = len(report.classes) - len(entries)
    which = f",\nthe {len(entries)} classes of the largest error" if left_out else ""
    axes.set_title(
        f"Calibration error, {SPLITS[report.split]} split, {report.rows}{which}", fontsize=10
    )
    return figure


def _shown(entries: Sequence[ClassReport]) -> list[ClassReport]:
    """The classes that are predicted at all; of many those of the largest calibration error."""
    predicted = [one for one in entries if one.calibration_error is not None]
    worst = sorted(predicted, key=lambda one: -(one.calibration_error or 0.0))[:MOST_CLASSES]
    return sorted(worst, key=lambda one: one.id)


def _shares(bins: Calibration) -> Iterator[float]:
    """What is to be seen of the bins: their probabilities, and the shares that are right."""
    yield from bins.confidence
    yield from bins.right / bins.rows


def _draw(axes: Axes, corner: Floats, name: str, bins: Calibration | None, start: float) -> None:
    """A part of the chart, a square of side 1 from this corner, whose axes begin at `start`."""
    x, y = corner
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 1)]) + corner
    axes.plot(*square.T, color=GREY, linewidth=0.8, zorder=1)
    error = "" if bins is None else share(bins.error)
    axes.text(x, y + 1.04, f"{name}  {error}", fontsize=8, in_layout=False)
    if bins is None:
        return

    def place(shares: Floats) -> Floats:
        return np.maximum((shares - start) / (1 - start), 0)

    low, high = place(clopper_pearson(bins.right, bins.rows).T) + y
    across = place(bins.confidence) + x
    axes.vlines(across, low, high, color=COLOURS[0], linewidth=0.9)
    right = place(bins.right / bins.rows) + y
    axes.plot(across, right, "o", color=COLOURS[0], markersize=2.5)
