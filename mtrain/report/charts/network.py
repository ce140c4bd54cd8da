"""A network drawn: a column of nodes a layer, from the inputs to the outputs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mtrain.report.charts.safe_matplotlib import Figure, LineCollection
from mtrain.report.charts.style import COLOURS, GREY, chart_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from mtrain.records.arrays import Floats

MOST_NODES = 10
"""Most nodes drawn: of a larger layer, half as many at either end, with dots between."""

MOST_COLUMNS = 12
"""Most layers drawn, likewise."""


def network_chart(layers: Sequence[tuple[str, int]], file_format: str) -> bytes:
    """The content of a file: `layers` have a name and a number of nodes, inputs first."""
    ((_, content),) = chart_files({"network": partial(draw_network, layers)}, file_format)
    return content


def draw_network(layers: Sequence[tuple[str, int]]) -> Figure:
    """Nodes as circles, every connection of those that are drawn as a line."""
    half = MOST_COLUMNS // 2
    left_out = len(layers) > MOST_COLUMNS
    drawn = [*layers[:half], *layers[-half:]] if left_out else list(layers)
    columns = np.arange(len(drawn), dtype=float)
    columns[half:] += left_out  # room for the dots
    figure = Figure(figsize=(1.5 * (columns[-1] + 1), 4.5))
    axes = figure.subplots()
    axes.axis("off")
    heights = [_heights(nodes) for _, nodes in drawn]
    for k in range(1, len(drawn)):
        if not (left_out and k == half):
            lines = [
                ((columns[k - 1], a), (columns[k], b)) for a in heights[k - 1] for b in heights[k]
            ]
            axes.add_collection(LineCollection(lines, colors=GREY, linewidths=0.4, zorder=1))
    for k, (name, nodes) in enumerate(drawn):
        ends = k in {0, len(drawn) - 1}
        axes.scatter(
            np.full(heights[k].size, columns[k]),
            heights[k],
            s=110,
            color=COLOURS[1 if ends else 0],
            edgecolors="white",
            zorder=2,
        )
        if nodes > MOST_NODES:
            _dots(axes, np.full(3, columns[k]), np.linspace(-0.35, 0.35, 3))
        axes.text(columns[k], -MOST_NODES / 2 - 1.2, f"{name}\n{nodes:,}", ha="center", va="top")
    if left_out:
        _dots(axes, half + np.linspace(-0.2, 0.2, 3), np.zeros(3))
    axes.set_xlim(-0.6, columns[-1] + 0.6)
    axes.set_ylim(-MOST_NODES / 2 - 2.4, MOST_NODES / 2 + 0.8)
    return figure


def _heights(nodes: int) -> Floats:
    """Positions of the drawn nodes, around 0, one unit apart but for a gap for dots."""
    if nodes <= MOST_NODES:
        return np.arange(nodes, dtype=float) - (nodes - 1) / 2
    half = np.arange(MOST_NODES // 2) + 1.0
    return np.concatenate([-half[::-1], half])


def _dots(axes: Axes, x: Floats, y: Floats) -> None:
    axes.scatter(x, y, s=8, color="black", zorder=2)
