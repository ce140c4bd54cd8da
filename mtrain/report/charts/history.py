"""Charts of a history: loss, accuracy and every class over the epochs."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.metrics.lowest import lowest
from mtrain.records.dataset import SPLITS
from mtrain.records.report import MOST_CLASSES
from mtrain.report.charts.safe_matplotlib import Figure, MaxNLocator
from mtrain.report.charts.style import (
    COLOURS,
    LABEL_WIDTH,
    add_legend,
    chart_files,
    draw_class_lines,
)
from mtrain.report.class_names import class_labels
from mtrain.report.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes

    from mtrain.metrics.history import History
    from mtrain.metrics.learning import ClassLearning


def history_charts(
    history: History,
    learning: Sequence[ClassLearning],
    file_format: str = "png",
    part: slice = slice(None),
) -> Iterator[tuple[str, bytes]]:
    """Learning curves, and precision, recall and learning by class: file name and content of `part`.

    `learning` is that of each class, if it is known.
    """
    charts: dict[str, Callable[[], Figure]] = {
        "learning_curves": partial(draw_learning_curves, history),
        "precision_by_class": partial(draw_by_class, history, "precision"),
        "recall_by_class": partial(draw_by_class, history, "recall"),
    }
    if learning:
        charts["learning_by_class"] = partial(draw_learning, history.run, learning)
    yield from chart_files(charts, file_format, (history.run, *history.classes), part)


def draw_learning_curves(history: History) -> Figure:
    """Loss on the left axis and accuracy on the right, over epochs."""
    figure = Figure(figsize=(8, 4.5))
    loss = figure.subplots()
    accuracy = loss.twinx()
    accuracy.grid(visible=False)
    accuracy.spines["right"].set_visible(True)
    for split, style in zip(history.counts, ("solid", "dashed"), strict=False):
        prefix = "val_" if split == "val" else ""
        options: dict[str, Any] = {"linestyle": style, **_marker(history, split)}
        loss.plot(
            history.epoch,
            history.scalars[f"{prefix}loss"],
            color=COLOURS[0],
            label=f"loss, {SPLITS[split]}",
            **options,
        )
        accuracy.plot(
            history.epoch,
            history.accuracy(split),
            color=COLOURS[5],
            label=f"accuracy, {SPLITS[split]}",
            **options,
        )
    _over_epochs(loss, len(history.epoch), f"{shortened(history.run)}: loss and accuracy")
    loss.set_ylabel("loss", color=COLOURS[0])
    accuracy.set_ylabel("accuracy", color=COLOURS[5])
    accuracy.set_ylim(top=1.02)
    handles = [*loss.get_lines(), *accuracy.get_lines()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def draw_by_class(history: History, metric: str) -> Figure:
    """`precision` or `recall` of every class over epochs, of the validation split if there is one.

    Gaps are epochs in which it is undefined.
    """
    split = "val" if "val" in history.counts else "train"
    values = history.by_class(split, metric)
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    last = values[-1] if len(values) else np.full(len(history.classes), math.nan)
    draw_class_lines(
        axes,
        history.classes,
        last,
        lambda k: (history.epoch, values[:, k]),
        **_marker(history, split),
    )
    _over_epochs(
        axes,
        len(history.epoch),
        f"{shortened(history.run)}: {metric} by class, {SPLITS[split]}",
    )
    axes.set_ylabel(metric)
    lowest = np.nanmin(values) if np.isfinite(values).any() else 0.0
    # A little below: a line along the axis could not be seen.
    axes.set_ylim(math.floor(lowest * 10) / 10 - 0.01 if lowest < 1 else 0.9, 1.005)
    add_legend(figure, axes, f"last {metric}")
    return figure


def draw_learning(run: str, learning: Sequence[ClassLearning]) -> Figure:
    """Which part of each class was learned for good, forgotten, never learned; of many, the worst."""
    kept = np.array([one.kept for one in learning])
    shown = lowest(kept, MOST_CLASSES)
    figure = Figure(figsize=(8, max(3.5, 1.6 + 0.3 * len(shown))))
    axes = figure.subplots()
    left = np.zeros(len(shown))
    for label, colour, part in (
        ("learned, never forgotten", COLOURS[0], kept[shown]),
        ("forgotten at least once", COLOURS[1], np.array([learning[k].forgotten for k in shown])),
        ("never learned", COLOURS[5], np.array([1 - learning[k].learned for k in shown])),
    ):
        widths = np.nan_to_num(part)
        axes.barh(range(len(shown)), widths, 0.7, left, color=colour, label=label)
        left = left + widths
    labels = class_labels([learning[k].name for k in shown], LABEL_WIDTH, shown)
    axes.set_yticks(range(len(shown)), labels)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the training rows of the class")
    for place, k in enumerate(shown):
        if (n := learning[k].never_right) is not None:
            across = axes.get_yaxis_transform()
            axes.text(1.01, place, f"{n:,} never", va="center", transform=across)
    title = f"{shortened(run)}: training rows learned and forgotten, by class"
    if len(shown) < len(learning):
        title += f",\n{len(shown)} of {len(learning):,}, those forgotten or never learned most"
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _over_epochs(axes: Axes, epochs: int, title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(x=0.02)
    if epochs == 1:
        axes.set_xlim(0.5, 1.5)


def _marker(history: History, split: str) -> dict[str, Any]:
    """Points where there are few epochs: a line through one point is not seen."""
    shape = "o" if split == "train" else "s"
    return {"marker": shape, "markersize": 4} if len(history.epoch) <= 30 else {}
