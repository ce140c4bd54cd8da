"""Charts of a history and of an evaluation, each as the bytes of a file."""

from __future__ import annotations

import io
import math
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtrain.metrics.counts import ratio
from mtrain.metrics.scores import one_against_rest
from mtrain.report.text import inert, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.axes import Axes

    from mtrain.metrics.history import History
    from mtrain.metrics.report import Report
    from mtrain.metrics.scores import ThresholdCounts
    from mtrain.records import Floats

# Okabe and Ito's colours, told apart with any kind of colour vision; their yellow is too pale
# for a line on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
STYLES = ("solid", "dashed", "dotted")
GREY = "#BBBBBB"

MOST_LINES = len(COLOURS) * len(STYLES) - 1
"""Of more classes than this only the worst are told apart."""

WORST_LINES = 7

STYLE = {
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # a class may be called $x_1$
}


def history_charts(history: History, file_format: str = "png") -> Iterator[tuple[str, bytes]]:
    """Learning curves, and precision and recall by class: file name and content of each."""
    for name, draw in (
        ("learning_curves", draw_learning_curves),
        ("precision_by_class", lambda h: draw_by_class(h, "precision")),
        ("recall_by_class", lambda h: draw_by_class(h, "recall")),
    ):
        yield f"{name}.{file_format}", _file(lambda draw=draw: draw(history), file_format)


def evaluation_charts(report: Report, file_format: str = "png") -> Iterator[tuple[str, bytes]]:
    """Precision and recall bars, confusion matrix, ROC and PR curves, as `history_charts`."""
    for name, draw in (
        ("precision_recall", draw_precision_recall),
        ("confusion_matrix", draw_confusion_matrix),
        ("roc", draw_roc),
        ("pr", draw_pr),
    ):
        yield f"{name}.{file_format}", _file(lambda draw=draw: draw(report), file_format)


def draw_learning_curves(history: History) -> Figure:
    """Loss on the left axis and accuracy on the right, over epochs."""
    figure = Figure(figsize=(8, 4.5))
    loss = figure.subplots()
    accuracy = loss.twinx()
    accuracy.grid(visible=False)
    accuracy.spines["right"].set_visible(True)
    labels = {"train": "training", "val": "validation"}
    for split, style in zip(history.counts, ("solid", "dashed"), strict=False):
        prefix = "val_" if split == "val" else ""
        options: dict[str, Any] = {"linestyle": style, **_marker(history)}
        loss.plot(
            history.epoch,
            history.scalars[f"{prefix}loss"],
            color=COLOURS[0],
            label=f"loss, {labels[split]}",
            **options,
        )
        accuracy.plot(
            history.epoch,
            history.accuracy(split),
            color=COLOURS[5],
            label=f"accuracy, {labels[split]}",
            **options,
        )
    _over_epochs(loss, f"{inert(history.run)}: loss and accuracy")
    loss.set_ylabel("loss", color=COLOURS[0])
    accuracy.set_ylabel("accuracy", color=COLOURS[5])
    accuracy.set_ylim(top=1)
    handles = [*loss.get_lines(), *accuracy.get_lines()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def draw_by_class(history: History, metric: str) -> Figure:
    """`precision` or `recall` of every class over epochs, of the validation split if there is one.

    Gaps are epochs in which it is undefined.
    """
    split, words = ("val", "validation") if "val" in history.counts else ("train", "training")
    values = history.by_class(split, metric)
    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    last = values[-1] if len(values) else np.full(len(history.classes), math.nan)
    _class_lines(
        axes,
        history.classes,
        last,
        lambda k: (history.epoch, values[:, k]),
        **_marker(history),
    )
    _over_epochs(axes, f"{inert(history.run)}: {metric} by class, {words}")
    axes.set_ylabel(metric)
    lowest = np.nanmin(values) if np.isfinite(values).any() else 0.0
    axes.set_ylim(math.floor(lowest * 10) / 10 if lowest < 1 else 0.9, 1.005)
    _legend(figure, axes, f"last {metric}")
    return figure


def draw_precision_recall(report: Report) -> Figure:
    """Precision and recall of every class side by side, with their 95 % intervals."""
    entries = report.metrics["classes"]
    figure = Figure(figsize=(8, 1.6 + 0.42 * len(entries)))
    axes = figure.subplots()
    positions = np.arange(len(entries))
    height = 0.38
    for offset, metric, colour in ((-0.5, "precision", COLOURS[0]), (0.5, "recall", COLOURS[1])):
        values = np.array([_nan(entry[metric]) for entry in entries])
        bounds = np.array([entry[f"{metric}_ci"] or (math.nan, math.nan) for entry in entries])
        average = share(report.metrics["averages"]["macro avg"][metric])
        at = positions + offset * height
        axes.barh(at, np.nan_to_num(values), height, color=colour, label=f"{metric}, on average {average}")
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
            shown = "undefined" if math.isnan(value) else f"{value:.3f}"
            right = 0.0 if math.isnan(value) else max(value, high)
            axes.text(right + 0.01, y, shown, va="center", fontsize=7.5)
    axes.set_yticks(positions, [_name(entry["name"]) for entry in entries])
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.set_xlim(0, 1.09)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share, with 95 % Wilson interval")
    axes.set_title(f"Precision and recall by class, {_split_words(report)}")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def draw_confusion_matrix(report: Report) -> Figure:
    """Rows of each true class by predicted class; the colour is the share of the row."""
    confusion = np.array(report.metrics["confusion_matrix"])
    names = [_name(entry["name"]) for entry in report.metrics["classes"]]
    size = min(max(5.0, 1.6 + 0.55 * len(names)), 20.0)
    figure = Figure(figsize=(size + 0.8, size))
    axes = figure.subplots()
    shares = ratio(confusion, confusion.sum(axis=1, keepdims=True))
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class")
    small = 8 if len(names) <= 20 else 5
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=small)
    axes.set_yticks(range(len(names)), names, fontsize=small)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(f"Confusion matrix, {_split_words(report)}")
    if len(names) <= 20:
        for (i, j), count in np.ndenumerate(confusion):
            if count:
                colour = "white" if shares[i, j] > 0.5 else "black"
                axes.text(j, i, f"{count}", ha="center", va="center", fontsize=7, color=colour)
    return figure


def draw_roc(report: Report) -> Figure:
    """True positive rate over false positive rate of each class against the rest."""
    figure, axes = _curves(
        report, "roc_auc", lambda counts: (counts.false_positive_rate, counts.true_positive_rate)
    )
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, zorder=1)
    axes.set_xlabel("false positive rate")
    axes.set_ylabel("true positive rate (recall)")
    axes.set_title(f"ROC curves, {_split_words(report)}")
    _legend(figure, axes, "area under the curve")
    return figure


def draw_pr(report: Report) -> Figure:
    """Precision over recall of each class against the rest."""
    figure, axes = _curves(
        report, "average_precision", lambda counts: (counts.true_positive_rate, counts.precision)
    )
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    axes.set_title(f"Precision-recall curves, {_split_words(report)}")
    _legend(figure, axes, "average precision")
    return figure


def _curves(
    report: Report, metric: str, points: Callable[[ThresholdCounts], tuple[Floats, Floats]]
) -> tuple[Figure, Axes]:
    entries = report.metrics["classes"]
    counts = one_against_rest(report.predictions.labels, report.predictions.probabilities)
    if len(entries) == 2:
        # Of two classes the first's curves say nothing that the second's do not.
        entries, counts = entries[1:], counts[1:]
    figure = Figure(figsize=(7.5, 5))
    axes = figure.subplots()
    axes.set_aspect("equal")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    values = np.array([_nan(entry[metric]) for entry in entries])
    names = tuple(entry["name"] for entry in entries)
    _class_lines(axes, names, values, lambda k: points(counts[k]), drawstyle="default")
    return figure, axes


def _class_lines(
    axes: Axes,
    classes: tuple[str, ...],
    values: Floats,
    points: Callable[[int], tuple[Any, Any]],
    **options: Any,
) -> None:
    """A line a class, labelled with its value; of very many, the worst in colour."""
    shown = list(range(len(classes)))
    if len(classes) > MOST_LINES:
        # An undefined value is the worst: the class was never predicted.
        worst = np.argsort(np.nan_to_num(values, nan=-1.0), kind="stable")[:WORST_LINES]
        shown = sorted(int(k) for k in worst)
    for k in sorted(set(range(len(classes))) - set(shown)):
        axes.plot(*points(k), color=GREY, linewidth=0.6, zorder=1)
    for number, k in enumerate(shown):
        # The value first: a label that begins with an underscore would be left out.
        axes.plot(
            *points(k),
            color=COLOURS[number % len(COLOURS)],
            linestyle=STYLES[number // len(COLOURS)],
            label=f"{share(values[k])}  {_name(classes[k])}",
            **options,
        )
    if len(shown) < len(classes):
        rest = len(classes) - len(shown)
        axes.plot([], [], color=GREY, linewidth=0.6, label=f"the {rest} better classes")


def _legend(figure: Figure, axes: Axes, title: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right upper", title=title, alignment="left", fontsize=9
    )


def _over_epochs(axes: Axes, title: str) -> None:
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.02)


def _marker(history: History) -> dict[str, Any]:
    """Points where there are few epochs: a line through one point is not seen."""
    return {"marker": "o", "markersize": 3} if len(history.epoch) <= 30 else {}


def _split_words(report: Report) -> str:
    words = {"train": "training", "val": "validation", "test": "test"}
    return f"{words[report.metrics['split']]} split, {report.metrics['n']:,} rows"


def _name(name: str) -> str:
    shown = inert(name)
    return shown if len(shown) <= 24 else f"{shown[:23]}…"


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _file(draw: Callable[[], Figure], file_format: str) -> bytes:
    content = io.BytesIO()
    with _style():
        draw().savefig(content, format=file_format)
    return content.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    """Our look whatever the user's matplotlibrc says."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A class name in a script that the font lacks is drawn as boxes, and no reason to stop.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield
