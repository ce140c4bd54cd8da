"""The chart of a sweep: the figure of validation over each axis."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from mtrain.config.loading.axes import axis_labels, value_text
from mtrain.report.charts.safe_matplotlib import Figure
from mtrain.report.charts.style import COLOURS, chart_files
from mtrain.report.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from mtrain.records.sweep import SweepResult

COLUMNS = 3
"""Most axes side by side."""

MOST_VALUES = 12
"""More numbers than this are on a scale, not each at its own place."""

POINT: dict[str, Any] = {"color": COLOURS[0], "alpha": 0.6, "s": 18}
MEDIAN: dict[str, Any] = {"color": COLOURS[5], "linewidth": 2}


def sweep_charts(sweep: SweepResult) -> Iterator[tuple[str, bytes]]:
    """The chart of a sweep that has an axis and a figure of validation: file name and content."""
    if sweep.axes and any(member.value is not None for member in sweep.members):
        yield from chart_files({"sweep": partial(draw_sweep, sweep)}, "png", (sweep.name,))


def draw_sweep(sweep: SweepResult) -> Figure:
    """A panel an axis: a point a finished member, and the median of each value."""
    labels = axis_labels(sweep.axes)
    columns = min(COLUMNS, len(sweep.axes))
    lines = -(-len(sweep.axes) // columns)
    figure = Figure(figsize=(1 + 3.6 * columns, 0.6 + 3.2 * lines))
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False).flat
    for place, axes in enumerate(panels):
        if place >= len(sweep.axes):
            axes.set_visible(False)
            continue
        key = sweep.axes[place]
        pairs = [
            (sweep.settings[member.setting].values[key], member.value)
            for member in sweep.members
            if member.value is not None
        ]
        _draw_axis(axes, pairs)
        axes.set_xlabel(labels[key])
        if place % columns == 0:
            axes.set_ylabel(sweep.by or "")
    figure.suptitle(
        f"{shortened(sweep.name)}: {sweep.by} of each member, and medians", x=0.02, ha="left"
    )
    return figure


def _draw_axis(axes: Axes, pairs: Sequence[tuple[Any, float]]) -> None:
    values = list({repr(value): value for value, _ in pairs}.values())
    if len(values) > MOST_VALUES and all(type(value) in {int, float} for value in values):
        numbers = [value for value, _ in pairs]
        axes.scatter(numbers, [figure for _, figure in pairs], **POINT)
        if min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
            axes.set_xscale("log")
        return
    if all(type(value) in {int, float} for value in values):
        values.sort()
    for place, value in enumerate(values):
        figures = [figure for other, figure in pairs if repr(other) == repr(value)]
        axes.scatter([place] * len(figures), figures, **POINT)
        axes.plot([place - 0.3, place + 0.3], [median(figures)] * 2, **MEDIAN)
    texts = [shortened(value_text(value)) for value in values]
    turned = sum(map(len, texts)) > 24
    axes.set_xticks(
        range(len(values)), texts, rotation=30 if turned else 0, ha="right" if turned else "center"
    )
    axes.set_xlim(-0.6, len(values) - 0.4)
