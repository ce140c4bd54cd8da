"""A reproduction on the console: the outcome, what is equal file by file, and the figures that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.keywords import option
from mtrain.records.dataset import SPLITS
from mtrain.report.class_names import class_labels, leave_room, left_out
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import p_value, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import JustifyMethod

    from mtrain.records.reproduction import (
        Difference,
        FileComparison,
        ReproducedFigure,
        Reproduction,
    )

MOST_DIFFERENCES = 5
"""The most differences of a file's arrays or figures that are listed; facts are all listed."""

MOST_FIGURES = 20
"""The most figures of classes that are listed; of more, those that are shown to differ."""

NAMES = {"accuracy": "accuracy", "f1_macro": "macro F1"}


def print_reproduction(reproduction: Reproduction, stream: TextIO) -> None:
    """The sentence on the outcome; each file; the figures with what judges them; notes."""
    console = make_console(stream)
    console.print(inert_text(reproduction.sentence))
    for result in (reproduction.environment, *reproduction.results):
        for line in _file_lines(result):
            console.print(inert_text(line))
    if reproduction.figures:
        console.print(Text(_heading(reproduction), style="dim"))
        figures = list(_listed(reproduction.figures))
        table, lines = _table(figures, console.width, has_spread=bool(reproduction.seeds))
        console.print(table)
        for line in lines:
            console.print(inert_text(line))
    for line in _notes(reproduction):
        console.print(inert_text(line))


def _file_lines(result: FileComparison) -> Iterator[str]:
    if result.problem is not None:
        yield f"{result.file}: not compared; it {result.problem}"
        return
    of = f"{result.compared:,} {result.kind}"
    if result.is_equal:
        is_facts = result.kind == "facts"
        yield f"{result.file}: {of}, all {'the same' if is_facts else 'equal to the last bit'}"
        return
    differences = result.differences
    differ = f"{len(differences):,} differ{'s' * (len(differences) == 1)}"
    yield f"{result.file}: {of}, {differ}"
    listed = differences if result.kind == "facts" else differences[:MOST_DIFFERENCES]
    for one in listed:
        yield f"  {_difference(one, 'undefined' if result.kind == 'figures' else 'not there')}"
    if more := len(differences) - len(listed):
        yield f"  and {more:,} more"


def _difference(one: Difference, without: str) -> str:
    """A line; a value that is None is called `without`."""
    parts = []
    if one.epoch is not None:
        parts.append(f"from epoch {one.epoch}")
    if one.values is not None:
        parts.append(f"{one.values:,} value{'s' * (one.values != 1)}")
    else:
        was, now = (without if v is None else f"{v!s:.200}" for v in (one.first, one.second))
        parts.append(f"was {was}, is {now}")
    if one.largest is not None:
        largest = "difference" if one.values is None else "largest difference"
        parts.append(f"{largest} {one.largest:.2g}")
    return f"{one.name}: {', '.join(parts)}"


def _heading(reproduction: Reproduction) -> str:
    judges = []
    if any(one.within is not None for one in reproduction.figures):
        judges.append(f"the spread of {len(reproduction.seeds)} seeds")
    if any(one.within is None and one.paired is not None for one in reproduction.figures):
        without = "without a limit, " if judges else ""
        judges.append(f"{without}the paired comparison of the predictions")
    judged = f"judged by {' or, '.join(judges)}" if judges else "not judged"
    return f"figures of the {SPLITS[reproduction.split]} split, {judged}"


def _listed(figures: Sequence[ReproducedFigure]) -> Iterator[ReproducedFigure]:
    """Both averages, and the figures of classes that differ; of many, those shown to differ."""
    of_classes = [one for one in figures if one.class_name is not None and one.differs]
    if len(of_classes) > MOST_FIGURES:
        of_classes = [one for one in of_classes if one.is_shown]
    yield from (one for one in figures if one.class_name is None)
    yield from of_classes


def _table(
    figures: Sequence[ReproducedFigure], width: int, *, has_spread: bool
) -> tuple[Table, list[str]]:
    """The table of the figures, and a line on columns without room, if there are any."""
    cells_of = {
        "run": [Text(share(one.first)) for one in figures],
        "reproduction": [Text(share(one.second)) for one in figures],
        "difference": [Text(_signed(one.difference)) for one in figures],
        **({"limit": [Text(share(one.limit)) for one in figures]} if has_spread else {}),
        "finding": [Text(_finding(one)) for one in figures],
        **({"deviation": [Text(share(one.spread)) for one in figures]} if has_spread else {}),
        "adjusted p": [Text(p_value(one.p_adjusted)) for one in figures],
    }
    columns, room = leave_room(cells_of, width)
    table = Table(box=None, pad_edge=False)
    table.add_column("figure", max_width=room, overflow="fold")
    for heading in columns:
        justify: JustifyMethod = "left" if heading == "finding" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    names = [NAMES.get(one.name, f"{one.name} of {one.class_name}") for one in figures]
    for name, *cells in zip(class_labels(names, room), *columns.values(), strict=True):
        table.add_row(Text(name), *cells)
    return table, list(left_out(cells_of, columns))


def _signed(difference: float | None) -> str:
    return "-" if difference is None else f"{difference:+z.3f}"


def _finding(figure: ReproducedFigure) -> str:
    within = figure.within
    if within is None:
        return figure.paired or "-"
    return "within" if within else "beyond"


def _notes(reproduction: Reproduction) -> Iterator[str]:
    if reproduction.comparison is not None:
        yield reproduction.comparison.sentence
    is_judged = reproduction.outcome not in {"equal", "other data"}
    listed = list(_listed(reproduction.figures))
    if len(listed) < len(reproduction.figures):
        left_out = [one for one in reproduction.figures if one not in listed]
        or_so = ", or are not shown to differ" if any(one.differs for one in left_out) else ""
        yield f"Other figures of classes are equal{or_so}"
    if is_judged and reproduction.seeds_folder is None:
        name = option("seeds", "5")
        yield f"How far runs of other seeds are apart is not known; {name} measures it"
    yield from reproduction.notes
