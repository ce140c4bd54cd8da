"""Curves as SVG, with the table of their figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.learning import LEARNED, class_learning
from mtrain.metrics.lowest import lowest
from mtrain.metrics.selective import COVERAGES, precision_by_coverage
from mtrain.report.text import figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mtrain.metrics.history import History
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.training import Predictions

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 10, 34
"""Space around the curves, for the numbers at the axes."""

MOST_EPOCHS = 100
"""Epochs shown; of more, so many are taken at equal distances."""

MOST_CLASSES = 10
"""Classes with a curve; of more, those with the lowest last value."""

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA3377", "#7A5C00")
DASHES = ("", "7 3", "2 3")
"""A curve has its colour and its dashes alone: 15 can be told apart."""


@dataclass(frozen=True)
class Curve:
    """A figure over what the axis counts."""

    name: str
    texts: tuple[str, ...]
    """Its value at each place shown."""

    pieces: tuple[str, ...]
    """Points `x,y x,y ...` of each piece without an undefined value."""

    colour: str
    dashes: str


@dataclass(frozen=True)
class Chart:
    """Curves of figures that have one unit."""

    title: str
    note: str
    """What is left out; may be empty."""

    along: str
    """What the axis counts."""

    places: tuple[str, ...]
    """Its values."""

    curves: tuple[Curve, ...]
    x_ticks: tuple[tuple[float, str], ...]
    """Place and text."""

    y_ticks: tuple[tuple[float, str], ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    bottom: int = HEIGHT - BOTTOM
    right: int = WIDTH - RIGHT


def history_charts(history: History) -> Iterator[Chart]:
    """The loss, the accuracy, and precision, recall and learning of every class, if there is an epoch."""
    if not history.epoch:
        return
    losses = {
        name: np.array(history.scalars[name])
        for name in history.scalars
        if name in {"loss", "val_loss"}
    }
    yield from _chart("Loss", history.epoch, losses)
    splits = {"train": "training", "val": "validation"}
    accuracies = {splits[split]: history.accuracy(split) for split in history.counts}
    yield from _chart("Accuracy", history.epoch, accuracies, is_share=True)
    split = "val" if "val" in history.counts else "train"
    for metric in ("precision", "recall"):
        title = f"{metric.capitalize()} by class, {splits[split]}"
        yield from _by_class(title, history, history.by_class(split, metric))
    if class_learning(history):
        learned = np.array(history.per_class["train"][LEARNED])
        yield from _by_class("Training rows that were right at least once", history, learned)


def coverage_charts(predictions: Predictions, classes: Sequence[str]) -> Iterator[Chart]:
    """The precision of every class over the share of its predictions that is given, the surest first."""
    values = precision_by_coverage(predictions, len(classes))
    shown, note = _shown(values)
    by_class = {classes[k]: values[:, k] for k in shown}
    title = "Precision by class, if only the surest predictions count"
    along = "share of its predictions"
    yield from _chart(title, COVERAGES, by_class, note, along=along, is_share=True)


def _by_class(title: str, history: History, values: Floats) -> Iterator[Chart]:
    """Of shares, shape (E, K)."""
    shown, note = _shown(values)
    by_class = {history.classes[k]: values[:, k] for k in shown}
    yield from _chart(title, history.epoch, by_class, note, is_share=True)


def _shown(values: Floats) -> tuple[list[int], str]:
    """The classes that have a curve, of values (E, K), and which are left out."""
    n_classes = values.shape[1]
    if n_classes <= MOST_CLASSES:
        return list(range(n_classes)), ""
    shown = lowest(values[-1], MOST_CLASSES)
    return shown, f"the {len(shown)} classes with the lowest last value of {n_classes:,}"


def _chart(
    title: str,
    places: Sequence[float] | Floats,
    figures: Mapping[str, Floats],
    note: str = "",
    *,
    along: str = "epoch",
    is_share: bool = False,
) -> Iterator[Chart]:
    """A chart of the figures, each of shape (E,), unless none is defined."""
    kept = _evenly(len(places), MOST_EPOCHS)
    values = {name: column[kept] for name, column in figures.items()}
    finite = np.concatenate([*values.values(), np.zeros(0)])
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return
    if len(kept) < len(places):
        notes = [note, f"{len(kept)} of {len(places):,} epochs"]
        note = "; ".join(filter(None, notes))
    ticks = (
        np.linspace(0, 1, 6) if is_share else round_ticks(float(finite.min()), float(finite.max()))
    )
    shown = np.asarray(places, np.float64)[kept]
    across = scale(float(shown[0]), float(shown[-1]), LEFT, WIDTH - RIGHT)
    up = scale(float(ticks[0]), float(ticks[-1]), HEIGHT - BOTTOM, TOP)
    x = across(shown)
    curves = (
        Curve(
            name,
            tuple(figure(float(value)) for value in column),
            tuple(_pieces(x, up(column))),
            COLOURS[number % len(COLOURS)],
            DASHES[number // len(COLOURS) % len(DASHES)],
        )
        for number, (name, column) in enumerate(values.items())
    )
    named = shown[_evenly(len(shown), 6)]
    yield Chart(
        title,
        note,
        along,
        tuple(f"{place:,.10g}" for place in shown),
        tuple(curves),
        tuple((float(x), f"{place:,.10g}") for x, place in zip(across(named), named, strict=True)),
        tuple((float(y), f"{value:g}") for y, value in zip(up(ticks), ticks, strict=True)),
    )


def _evenly(n: int, most: int) -> Ints:
    """At most so many positions of `n`, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.int64))


def round_ticks(low: float, high: float) -> Floats:
    """About five round numbers that reach from `low`, or below, to `high`, or above."""
    step = 10.0 ** math.floor(math.log10(max(high - low, abs(high) * 1e-6, 1e-12) / 4))
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks: Floats = np.arange(first, max(last, first + 1) + 1, dtype=np.float64) * step
    return ticks


def scale(low: float, high: float, start: float, stop: float) -> Callable[[Floats], Floats]:
    """A function from numbers to places: `low` to `start`, `high` to `stop`."""
    per_unit = (stop - start) / ((high - low) or 1.0)
    return lambda values: start + (values - low) * per_unit


def _pieces(x: Floats, y: Floats) -> Iterator[str]:
    """Points of neighbours that are defined; one that stands alone is drawn as a short line."""
    defined = np.isfinite(y)
    edges = np.flatnonzero(np.diff(defined, prepend=False, append=False))
    for start, stop in edges.reshape(-1, 2):
        points = [f"{x[k]:.1f},{y[k]:.1f}" for k in range(start, stop)]
        yield " ".join(
            points if len(points) > 1 else [points[0], f"{x[start] + 1:.1f},{y[start]:.1f}"]
        )
