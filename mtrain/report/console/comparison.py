"""Two runs compared: what agrees, which classes differ, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.metrics.findings import MOST_NAMED
from mtrain.records.dataset import SPLITS
from mtrain.report.class_names import class_labels, leave_room, left_out
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import p_value, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import JustifyMethod

    from mtrain.records.comparison import Comparison
    from mtrain.records.figure_comparison import FigureComparison

MOST_CLASSES = 20
"""The most classes that are all listed; of more, those of which a difference is shown."""

FIGURES = {"recall": "recall", "precision": "precision", "f1": "F1"}
"""Of a class, by the names of their fields."""


def print_comparison(comparison: Comparison, stream: TextIO) -> None:
    """The sentence on all rows; each class's differences, with interval, p-value and finding."""
    console = make_console(stream)
    console.print(inert_text(comparison.sentence))
    lines = list(_lines(comparison))
    columns = _columns([figure for _, _, figure in lines])
    shown = {"figure": [Text(FIGURES.get(name, name)) for _, name, _ in lines], **columns}
    columns, room = leave_room(shown, console.width)
    table = Table(box=None, pad_edge=False)
    table.add_column("class", max_width=room, overflow="fold")
    for heading in columns:
        justify: JustifyMethod = "left" if heading in {"figure", "finding"} else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    names = class_labels([name for name, _, _ in lines], room)
    last = None
    for name, *cells in zip(names, *columns.values(), strict=True):
        table.add_row(Text("" if name == last else name), *cells)
        last = name
    first, second = comparison.runs
    heading = f"{SPLITS[comparison.split]} split; {second} - {first}, with 95 % intervals"
    if comparison.margin is not None:
        heading += f"; no worse: less than {comparison.margin:g} below, shown at 5 %"
    console.print(Text(heading, style="dim"))
    console.print(table)
    for line in (*left_out(shown, columns), *_notes(comparison)):
        console.print(inert_text(line))


def _lines(comparison: Comparison) -> Iterator[tuple[str, str, FigureComparison]]:
    """Class, figure and comparison of each line; the figures of all classes last."""
    for one in comparison.classes:
        figures = [getattr(one, figure) for figure in FIGURES]
        is_shown = any(of.finding in {"better", "worse"} for of in figures)
        if is_shown or len(comparison.classes) <= MOST_CLASSES:
            for name, of in zip(FIGURES, figures, strict=True):
                yield one.name, name, of
    yield "all", "accuracy", comparison.averages.accuracy
    for figure in FIGURES:
        yield "macro average", figure, getattr(comparison.averages, f"{figure}_macro")


def _columns(figures: Sequence[FigureComparison]) -> dict[str, Sequence[Text]]:
    return {
        "difference": [
            Text("-" if one.difference is None else f"{one.difference:+z.3f}") for one in figures
        ],
        "interval": [
            Text("-" if one.ci is None else f"{one.ci[0]:+z.3f} to {one.ci[1]:+z.3f}")
            for one in figures
        ],
        "adjusted p": [Text(p_value(one.p_adjusted)) for one in figures],
        "finding": [Text(one.finding) for one in figures],
        "first": [Text(share(one.first)) for one in figures],
        "second": [Text(share(one.second)) for one in figures],
    }


def _notes(comparison: Comparison) -> Iterator[str]:
    first, second = comparison.runs
    differing = 0
    for finding in ("better", "worse"):
        classes = []
        for one in comparison.classes:
            figures = [
                name for key, name in FIGURES.items() if getattr(one, key).finding == finding
            ]
            if figures:
                which = "" if len(figures) == len(FIGURES) else f" ({', '.join(figures)})"
                classes.append(f"{one.name}{which}")
        differing += len(classes)
        if classes:
            more = f" and {len(classes) - MOST_NAMED:,} more" if classes[MOST_NAMED:] else ""
            yield f"{second} is {finding} than {first} on: {', '.join(classes[:MOST_NAMED])}{more}"
    if comparison.margin is not None:
        each = [getattr(one, name).finding for one in comparison.classes for name in FIGURES]
        n = each.count("no worse")
        yield f"{n:,} of {len(each):,} figures of classes are shown to be no worse"
    if not differing:
        yield "No class is shown to differ; this does not show that they are the same"
    if len(comparison.classes) > MOST_CLASSES:
        yield "Classes of which no difference is shown are not listed"
    if all(comparison.selected):
        yield "Both were chosen on this split: their figures are optimistic"
    elif any(comparison.selected):
        chosen = comparison.runs[comparison.selected.index(True)]
        yield f"{chosen} was chosen on this split: its figures are optimistic"
