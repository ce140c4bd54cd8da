"""What all charts share: colours, a line a class, and the way to a file."""

from __future__ import annotations

import io
import math
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.metrics.lowest import lowest
from mtrain.report.charts.safe_matplotlib import Figure, mpl
from mtrain.report.class_names import class_labels
from mtrain.report.fonts import font_families
from mtrain.report.text import share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from matplotlib.axes import Axes

    from mtrain.records.arrays import Floats

# Okabe and Ito's colours, told apart with any kind of colour vision; their yellow is too pale
# for a line on white.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
STYLES = ("solid", "dashed", "dotted")
MARKERS = ("^", "D")
"""Markers of classes whose colour another class has already."""

GREY = "#BBBBBB"

DRAWING = threading.Lock()
"""Matplotlib's settings, and filters of warnings, are those of the whole process."""

MOST_LINES = len(COLOURS) * len(STYLES) - 1
"""With more classes than this, only the worst have colours."""

WORST_LINES = 7

LABEL_WIDTH = 24
"""Characters of a class's name in a chart."""

MOST_GREY = 200
"""Lines behind them; more take minutes to draw, and are a grey area all the same."""

STYLE: dict[str, Any] = {
    "figure.dpi": 120,
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


def chart_files(
    charts: dict[str, Callable[[], Figure]],
    file_format: str,
    names: Iterable[str] = (),
    part: slice = slice(None),
) -> Iterator[tuple[str, bytes]]:
    """Draw each chart in `part` of them; yields its file's name and content.

    `names` are those of data in the charts, whose letters some font must have.
    """
    families = font_families(names)
    for name, draw in list(charts.items())[part]:
        with DRAWING, _style(families):
            content = render(draw(), file_format)
        yield f"{name}.{file_format}", content


def render(figure: Figure, file_format: str) -> bytes:
    """The content of the figure's file."""
    content = io.BytesIO()
    figure.savefig(content, format=file_format, bbox_inches="tight")
    return content.getvalue()


def draw_class_lines(
    axes: Axes,
    classes: tuple[str, ...],
    values: Floats,
    points: Callable[[int], tuple[Any, Any]],
    *,
    drawstyle: str = "default",
    **options: Any,
) -> None:
    """A line a class, labelled with its value; of very many, the worst in colour.

    `options` are those of the coloured lines alone.
    """
    coloured = list(range(len(classes)))
    if len(classes) > MOST_LINES:
        coloured = [k for k in lowest(values, WORST_LINES) if not math.isnan(values[k])]
    others = sorted(set(range(len(classes))) - set(coloured))
    grey = others[:: -(-len(others) // MOST_GREY) or 1]
    for k in grey:
        axes.plot(*points(k), color=GREY, linewidth=0.6, zorder=1, drawstyle=drawstyle)
    labels = class_labels([classes[k] for k in coloured], LABEL_WIDTH, coloured)
    for number, (k, name) in enumerate(zip(coloured, labels, strict=True)):
        again, colour = divmod(number, len(COLOURS))
        # Points that stand alone show no line by which two of a colour could be told apart.
        marker = {"marker": MARKERS[again - 1]} if again and "marker" in options else {}
        # The value first: a label that begins with an underscore would be left out.
        axes.plot(
            *points(k),
            color=COLOURS[colour],
            linestyle=STYLES[again],
            label=f"{share(values[k])}  {name}",
            drawstyle=drawstyle,
            **(options | marker),
        )
    if len(coloured) < len(classes):
        which = "other" if np.isnan(values).any() else "better"
        part = "" if len(grey) == len(others) else f"{len(grey)} of "
        label = f"{part}the {len(others):,} {which} classes"
        axes.plot([], [], color=GREY, linewidth=0.6, label=label)


def add_legend(figure: Figure, axes: Axes, title: str) -> None:
    """A legend beside the axes."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside right upper", title=title, alignment="left", fontsize=9
    )


@contextmanager
def _style(families: list[str]) -> Iterator[None]:
    """One style, whatever the user's matplotlibrc says; letters are taken from these fonts."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A class name in a script that no font has is drawn as boxes, and no reason to stop.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)  # type: ignore[arg-type]  # its stub wants literal keys
        mpl.rcParams["font.family"] = families
        yield
