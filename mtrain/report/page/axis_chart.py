"""The figure of validation over an axis of a sweep: points and medians as SVG, with a table."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.loading.axes import Range, axis_labels, value_text
from mtrain.report.page.chart import round_ticks, scale
from mtrain.report.text import figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mtrain.config.loading.axes import Axis
    from mtrain.records.sweep import SweepResult

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 10, 10, 36
"""Space around the points, for the numbers at the axes."""

MOST_VALUES = 12
"""Of more numbers than this, those of a part of the axis have a median together."""

PARTS = 8

MARGIN, HALF = 14, 9
"""Beside the points at the ends of a scale, and half the line of a median on it."""

LETTER = 7
"""The width of a letter, about."""

SHORTEST = 4
"""Letters of a label to which it may be shortened."""


@dataclass(frozen=True)
class Group:
    """The members with one value of an axis, or with values in a part of it."""

    value: str
    n: int
    lowest: str
    median: str
    highest: str


@dataclass(frozen=True)
class AxisChart:
    """A point a finished member, and medians."""

    key: str
    label: str
    by: str
    note: str
    """How the axis counts; empty: evenly."""

    points: str
    """A path that ends where it begins, at each point."""

    medians: str
    """A path with a line for each group."""

    groups: tuple[Group, ...]
    x_ticks: tuple[tuple[float, str], ...]
    """Place and text."""

    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = HEIGHT - BOTTOM
    right: int = WIDTH - RIGHT


@dataclass(frozen=True)
class _Places:
    """Where the values of an axis stand."""

    note: str
    at: Callable[[Any], float]
    """From a value to its place."""

    group: Callable[[Any], int]
    """From a value to the place of its group in `groups`."""

    groups: Sequence[tuple[str, float, float]]
    """Values that have a median together: in words, and where its line begins and ends."""

    ticks: Sequence[tuple[float, str]]


def axis_charts(sweep: SweepResult, axes: Sequence[Axis]) -> Iterator[AxisChart]:
    """A chart for each axis, if there is a figure of validation; `axes` say which are ranges."""
    by_key = {axis.key: axis.values for axis in axes}
    labels = axis_labels(sweep.axes)
    for key in sweep.axes if sweep.by is not None else ():
        pairs = [
            (sweep.settings[member.setting].values[key], member.value)
            for member in sweep.members
            if member.value is not None and math.isfinite(member.value)
        ]
        figures = [number for _, number in pairs]
        if not pairs or not math.isfinite(max(figures) - min(figures)):
            continue
        places = _places([value for value, _ in pairs], by_key.get(key, ()))
        ticks = round_ticks(min(figures), max(figures)).tolist()
        up = _along(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
        by_group: dict[int, list[float]] = {}
        for value, number in pairs:
            by_group.setdefault(places.group(value), []).append(number)
        groups, medians = [], []
        for group, own in sorted(by_group.items()):
            text, start, stop = places.groups[group]
            middle = median(own)
            groups.append(Group(text, len(own), figure(min(own)), figure(middle), figure(max(own))))
            medians.append(f"M{start:.1f} {up(middle):.1f}H{stop:.1f}")
        # Members that stand at one place are one point.
        points = dict.fromkeys(
            f"M{places.at(value):.1f} {up(number):.1f}h0" for value, number in pairs
        )
        yield AxisChart(
            key,
            labels[key],
            str(sweep.by),
            places.note,
            "".join(points),
            "".join(medians),
            tuple(groups),
            tuple(places.ticks),
            tuple((up(value), f"{value:g}") for value in ticks),
        )


def _along(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    """A function from a number to its place: `low` to `start`, `high` to `stop`."""
    place = scale(low, high, start, stop)
    return lambda value: float(place(np.array(value, np.float64)))


def _places(values: Sequence[Any], swept: Sequence[Any] | Range) -> _Places:
    """Numbers stand on a scale, logarithmic from a factor of ten on; all else side by side.

    `values` are those of members, `swept` is what the axis was to have.
    """
    limits = swept if isinstance(swept, Range) else None
    order = [] if isinstance(swept, Range) else [repr(value) for value in swept]
    known = {repr(value): value for value in values}
    different = list({key: known[key] for key in (*order, *known) if key in known}.values())
    if not all(type(value) in {int, float} and math.isfinite(value) for value in different):
        return _side_by_side(different)
    different.sort()
    low, high = different[0], different[-1]
    if limits is not None:
        low, high = min(low, limits.low), max(high, limits.high)
    positive = [value for value in different if value > 0]
    is_logarithmic = low > 0 and high >= 10 * low
    # As 0, 1e-4 and 1e-2: on a scale, two of them would be at one place.
    is_crowded = limits is None and bool(positive) and high >= 10 * positive[0]
    if not low < high or (is_crowded and not is_logarithmic):
        return _side_by_side(different)
    return _on_a_scale(different, float(low), float(high), is_logarithmic=is_logarithmic)


def _side_by_side(values: Sequence[Any]) -> _Places:
    across = _along(-0.5, len(values) - 0.5, LEFT, WIDTH - RIGHT)
    order = {repr(value): place for place, value in enumerate(values)}
    each = (WIDTH - RIGHT - LEFT) / len(values)
    room = max(SHORTEST, int(each / LETTER))
    texts = [value_text(value) for value in values]
    labels = [text if len(text) <= room else f"{text[: room - 1]}…" for text in texts]
    return _Places(
        "",
        lambda value: across(order[repr(value)]),
        lambda value: order[repr(value)],
        [(text, across(k) - each / 3, across(k) + each / 3) for k, text in enumerate(texts)],
        _apart([(across(k), label) for k, label in enumerate(labels)]),
    )


def _on_a_scale(
    values: Sequence[float], low: float, high: float, *, is_logarithmic: bool
) -> _Places:
    def measure(value: float) -> float:
        return math.log10(value) if is_logarithmic else float(value)

    def at(value: float) -> float:
        return across(measure(value))

    # The points at either end are not cut.
    across = _along(measure(low), measure(high), LEFT + MARGIN, WIDTH - RIGHT - MARGIN)
    note = "on a logarithmic scale" if is_logarithmic else ""
    if len(values) <= MOST_VALUES:
        texts = [value_text(value) for value in values]
        places = [at(value) for value in values]
        groups = [(t, x - HALF, x + HALF) for t, x in zip(texts, places, strict=True)]
        ticks = _apart(list(zip(places, texts, strict=True)))
        return _Places(note, at, partial(bisect_left, values), groups, ticks)
    edges = np.linspace(measure(low), measure(high), PARTS + 1).tolist()
    limits = [float(f"{10**edge if is_logarithmic else edge:.3g}") for edge in edges]
    limits[0], limits[-1] = low, high
    groups = [
        (f"{value_text(start)} to {value_text(stop)}", at(start), at(stop))
        for start, stop in pairwise(limits)
    ]
    marked = _decades(low, high) if is_logarithmic else round_ticks(low, high).tolist()
    ticks = _apart([(at(tick), f"{tick:g}") for tick in marked if low <= tick <= high])
    return _Places(note, at, partial(bisect_right, limits[1:-1]), groups, ticks)


def _decades(low: float, high: float) -> list[float]:
    """1, 10, 100, ... between these; of few decades also 2 and 5 times these."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) <= 3 else (1,)
    return [float(f"{factor}e{power}") for power in powers for factor in factors]


def _apart(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Those whose texts do not overlap, from the left."""
    kept: list[tuple[float, str]] = []
    for place, text in ticks:
        room = LETTER * (len(text) + len(kept[-1][1])) / 2 + 4 if kept else 0
        if not kept or place - kept[-1][0] >= room:
            kept.append((place, text))
    return kept
