"""An evaluation by the values of a column: a line each, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.escape import inert
from mtrain.report.class_names import class_labels, leave_room, left_out
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import first_few, marks, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import JustifyMethod

    from mtrain.records.report import ClassReport, Slice, Slices

MOST_SLICES = 30
"""The most slices that are listed; of more, those of the lowest accuracy."""

MOST_NAMED = 2
"""The most classes of a verdict that a line names; more are counted."""

ROOM_OF_A_CLASS = 20
"""Characters of a class name in a line."""


def print_slices(slices: Slices, stream: TextIO) -> None:
    """Rows, accuracy, macro F1, lowest recall and classes not learned of each slice; the findings."""
    console = make_console(stream)
    listed = sorted(slices.slices, key=lambda one: (one.accuracy, -one.n))[:MOST_SLICES]
    shown = _columns(listed, marks(console.encoding))
    columns, room = leave_room(shown, console.width)
    table = Table(box=None, pad_edge=False)
    table.add_column(inert_text(slices.column), max_width=room, overflow="fold")
    for heading in columns:
        justify: JustifyMethod = "left" if heading in {"lowest recall", "verdicts"} else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    values = [f"({one.value})" if one.is_missing else one.value for one in listed]
    names = class_labels(values, room)
    for name, *cells in zip(names, *columns.values(), strict=True):
        table.add_row(Text(name), *cells)
    if more := len(slices.slices) - len(listed):
        table.add_row(Text(f"and {more:,} slices of no lower accuracy", style="dim"))
    console.print()
    console.print(
        inert_text(
            f"By {slices.column}, the lowest accuracy first; verdicts allow for all slices", "dim"
        )
    )
    console.print(table)
    for line in (
        *left_out(shown, columns),
        *first_few([finding.text for finding in slices.findings]),
    ):
        console.print(inert_text(line))


def _columns(slices: Sequence[Slice], mark: Mapping[str, str]) -> dict[str, Sequence[Text]]:
    is_grouped = any(one.groups is not None for one in slices)
    groups = {"groups": [Text(f"{one.groups or 0:,}") for one in slices]} if is_grouped else {}
    return {
        "rows": [Text(f"{one.n:,}") for one in slices],
        **groups,
        "accuracy": [
            Text("{} {:.2f}-{:.2f}".format(share(one.accuracy), *one.accuracy_ci)) for one in slices
        ],
        "macro F1": [Text(share(one.averages.macro.f1)) for one in slices],
        "lowest recall": [_lowest(one) for one in slices],
        "verdicts": [_verdicts(one, mark) for one in slices],
    }


def _lowest(one: Slice) -> Text:
    """The lowest recall of a class that has rows, and the class."""
    recall, k = min((c.recall, c.id) for c in one.classes if c.recall is not None)
    return Text(f"{share(recall)} {_short(one.classes[k])}")


def _verdicts(one: Slice, mark: Mapping[str, str]) -> Text:
    """The classes of the slice that are not learned, and those unproven."""
    parts = []
    for verdict in ("not learned", "unproven"):
        classes = [c for c in one.classes if c.verdict == verdict and c.support]
        if classes:
            names = ", ".join(map(_short, classes))
            of = names if len(classes) <= MOST_NAMED else f"{len(classes):,} classes"
            parts.append(f"{mark[verdict]} {of}")
    return Text("  ".join(parts) or f"{mark['learned']} learned")


def _short(one: ClassReport) -> str:
    return class_labels([inert(one.name)], ROOM_OF_A_CLASS, [one.id])[0]
