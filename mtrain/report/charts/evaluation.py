"""Charts of an evaluation: how well each class was learned, and with which it is confused."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.metrics.counts import ratio
from mtrain.metrics.scores import threshold_counts
from mtrain.records.dataset import SPLITS
from mtrain.records.report import MOST_CLASSES
from mtrain.report.charts.calibration import draw_calibration
from mtrain.report.charts.mistakes import draw_mistakes
from mtrain.report.charts.safe_matplotlib import Figure
from mtrain.report.charts.style import (
    COLOURS,
    GREY,
    LABEL_WIDTH,
    add_legend,
    chart_files,
    draw_class_lines,
)
from mtrain.report.class_names import class_labels
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from mtrain.metrics.scores import ThresholdCounts
    from mtrain.records.arrays import Floats
    from mtrain.records.report import ClassReport, Report
    from mtrain.records.training import Predictions

MARKERS = "Do"
"""Of rivals, in their order."""

MARK: dict[str, Any] = {"s": 22, "facecolor": "white", "edgecolor": "#333333", "zorder": 3}

CELLS = 2000
"""More than the pixels of a curve's or a confusion matrix's axes."""


def evaluation_charts(
    report: Report,
    predictions: Predictions,
    images: Sequence[NDArray[np.uint8]] = (),
    file_format: str = "png",
    part: slice = slice(None),
) -> Iterator[tuple[str, bytes]]:
    """Precision and recall bars, confusion matrix, ROC and PR curves; name and content of `part`.

    Of two classes precision, recall and F1 over the threshold as well; `images` are those of the most
    confident mistakes.
    """
    charts: dict[str, Callable[[], Figure]] = {
        "precision_recall": partial(draw_precision_recall, report),
        "confusion_matrix": partial(draw_confusion_matrix, report),
        "roc": partial(draw_roc, report, predictions),
    }
    # In this order two processes that draw every other one take as long as each other.
    if len(images):
        charts["errors"] = partial(draw_mistakes, report, predictions, images)
    charts["calibration"] = partial(draw_calibration, report, predictions)
    charts["pr"] = partial(draw_pr, report, predictions)
    if len(report.classes) == 2:
        charts["threshold"] = partial(draw_threshold, report, predictions)
    names = (entry.name for entry in report.classes)
    yield from chart_files(charts, file_format, names, part)


def draw_precision_recall(report: Report) -> Figure:
    """Precision and recall of every class side by side, with their 95 % intervals, and those of rivals.

    Of very many classes those of the lowest F1.
    """
    entries = report.lowest_f1()
    figure = Figure(figsize=(8, max(3.5, 1.6 + 0.42 * len(entries))))
    axes = figure.subplots()
    rivals = [one for one in report.rivals or () if one.problem is None]
    positions = np.arange(len(entries))
    height = 0.38
    bars, marks = [], {}
    for offset, metric, colour, text_colour in (
        (-0.5, "precision", COLOURS[0], "white"),
        (0.5, "recall", COLOURS[1], "black"),
    ):
        values = np.array([_nan(getattr(entry, metric)) for entry in entries])
        bounds = np.array(
            [getattr(entry, f"{metric}_ci") or (math.nan, math.nan) for entry in entries]
        )
        average = share(getattr(report.averages.macro, metric))
        at = positions + offset * height
        label = f"{metric}, on average {average}"
        bars.append(axes.barh(at, np.nan_to_num(values), height, color=colour, label=label))
        for marker, rival in zip(MARKERS, rivals, strict=False):
            of_rival = [_nan(getattr(rival.classes[entry.id], metric)) for entry in entries]
            marks[rival.name] = axes.scatter(of_rival, at, marker=marker, label=rival.title, **MARK)
        axes.errorbar(
            values,
            at,
            xerr=np.abs(bounds.T - values),
            fmt="none",
            ecolor="#333333",
            elinewidth=1,
            capsize=2,
        )
        for y, value, high in zip(at, values, bounds[:, 1], strict=True):
            text = "undefined" if math.isnan(value) else f"{value:.3f}"
            right = 0.0 if math.isnan(value) else max(value, high)
            if rivals and value > 0.1:
                # Within the bar: beside a mark it would seem to be the mark's.
                axes.text(0.008, y, text, va="center", fontsize=7.5, color=text_colour)
                continue
            axes.text(right + 0.01, y, text, va="center", fontsize=7.5, in_layout=False)
    axes.set_yticks(positions, _names(entries))
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlim(0, 1.09)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share, with 95 % Wilson interval")
    title = f"Precision and recall by class, {_split_words(report)}"
    if len(entries) < len(report.classes):
        title += f",\n{len(entries)} of {len(report.classes):,}, those of the lowest F1"
    axes.set_title(title)
    figure.legend(handles=[*bars, *marks.values()], loc="outside lower center", ncols=2)
    return figure


def draw_confusion_matrix(report: Report) -> Figure:
    """Rows of each true class by predicted class; the colour is the share of the row."""
    confusion = report.confusion_matrix
    names = _names(report.classes)
    size = min(max(5.0, 1.6 + 0.55 * len(names)), 20.0)
    figure = Figure(figsize=(size + 0.8, size))
    axes = figure.subplots()
    shares = ratio(confusion, confusion.sum(axis=1, keepdims=True)).astype(np.float32)
    end = len(names) - 0.5
    image = axes.imshow(
        _largest_of_blocks(shares, CELLS),
        cmap="Blues",
        vmin=0,
        vmax=1,
        interpolation="nearest",  # sharp cells
        extent=(-0.5, end, end, -0.5),
    )
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    small = 8 if len(names) <= 20 else 5
    which = ""
    if len(names) <= MOST_CLASSES:
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=small)
        axes.set_yticks(range(len(names)), names, fontsize=small)
    else:
        which = ", by its number"
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"predicted class{which}")
    axes.set_ylabel(f"true class{which}")
    axes.set_title(f"Confusion matrix, {_split_words(report)}")
    if len(names) <= 20:
        for (i, j), count in np.ndenumerate(confusion):
            if count:
                colour = "white" if shares[i, j] > 0.6 else "black"
                axes.text(
                    j,
                    i,
                    f"{count}",
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=colour,
                    in_layout=False,
                )
    return figure


def _largest_of_blocks(values: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """The largest value of each of at most so many blocks each way, without NaN.

    There are no pixels for more, and matplotlib would take gigabytes for them.
    """
    starts = np.arange(0, len(values), -(-len(values) // most))
    by_row = np.fmax.reduceat(values, starts, axis=0)
    largest: NDArray[np.float32] = np.fmax.reduceat(by_row, starts, axis=1)
    return largest


def draw_roc(report: Report, predictions: Predictions) -> Figure:
    """True positive rate over false positive rate of each class against the rest."""
    figure, axes = _curves(
        report,
        predictions,
        "roc_auc",
        lambda counts: (counts.false_positive_rate, counts.true_positive_rate),
    )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, zorder=1)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate (recall)")
    axes.set_title(f"ROC curves, {_split_words(report)}")
    add_legend(figure, axes, "area under the curve")
    return figure


def draw_pr(report: Report, predictions: Predictions) -> Figure:
    """Precision over recall of each class against the rest."""
    # In steps: what lies between two thresholds cannot be had by mixing them (Davis and Goadrich,
    # ICML 2006), and the area under the steps is the average precision.
    figure, axes = _curves(
        report,
        predictions,
        "average_precision",
        lambda counts: (counts.true_positive_rate, counts.precision),
        drawstyle="steps-pre",
    )
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_title(f"Precision-recall curves, {_split_words(report)}")
    add_legend(figure, axes, "average precision")
    return figure


def draw_threshold(report: Report, predictions: Predictions) -> Figure:
    """Precision, recall and F1 of the second of two classes over the threshold; the one in use."""
    counts = threshold_counts(predictions.labels == 1, predictions.probabilities[:, 1])
    figure = Figure(figsize=(7, 4.5))
    axes = figure.subplots()
    # Below a score, down to the next, it counts as predicted; below the lowest all do, above the
    # highest none.
    thresholds = np.concatenate([[0.0], counts.scores[::-1], [1.0]])
    none = {"precision": math.nan, "recall": 0 * counts.recall[-1], "F1": 0.0}
    for values, name, colour in (
        (counts.precision, "precision", COLOURS[0]),
        (counts.recall, "recall", COLOURS[1]),
        (counts.f1, "F1", COLOURS[2]),
    ):
        reached = np.concatenate([values[-1:], values[:0:-1], [none[name]]])
        points = _told_apart(thresholds, reached)
        axes.plot(*points, color=colour, label=name, drawstyle="steps-pre")
    used = DEFAULT_THRESHOLD if report.threshold is None else report.threshold
    axes.axvline(
        used, color="#333333", linestyle="dashed", linewidth=1, label=f"in use: {used:.4g}"
    )
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    name = _names(report.classes)[1]
    axes.set_xlabel(f"probability above which {name} is predicted")
    axes.set_title(f"Precision, recall and F1 over the threshold, {_split_words(report)}")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _curves(
    report: Report,
    predictions: Predictions,
    metric: str,
    points: Callable[[ThresholdCounts], tuple[Floats, Floats]],
    drawstyle: str = "default",
) -> tuple[Figure, Axes]:
    entries = report.classes
    # Of two classes the first's curves say nothing that the second's do not.
    first = 1 if len(entries) == 2 else 0
    entries = entries[first:]
    labels, probabilities = predictions.labels, predictions.probabilities

    def curve(k: int) -> tuple[Floats, Floats]:
        k += first
        return _told_apart(*points(threshold_counts(labels == k, probabilities[:, k])))

    figure = Figure(figsize=(7, 5))
    axes = figure.subplots()
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    values = np.array([_nan(getattr(entry, metric)) for entry in entries])
    names = tuple(entry.name for entry in entries)
    draw_class_lines(axes, names, values, curve, drawstyle=drawstyle)
    return figure, axes


def _told_apart(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The points of a curve that a picture can distinguish from the one before."""
    cells = np.round(np.stack([x, y]) * CELLS)
    apart = (np.diff(cells, prepend=-1.0) != 0).any(axis=0)
    return x[apart], y[apart]


def _names(entries: Sequence[ClassReport]) -> list[str]:
    ids = [entry.id for entry in entries]
    return class_labels([entry.name for entry in entries], LABEL_WIDTH, ids)


def _split_words(report: Report) -> str:
    return f"{SPLITS[report.split]} split, {report.rows}"


def _nan(value: float | None) -> float:
    return math.nan if value is None else value
