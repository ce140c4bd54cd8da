"""The table of `mtrain runs`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from mtrain.escape import inert
from mtrain.report.class_names import GAP
from mtrain.report.console.output import make_console
from mtrain.report.text import figure, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mtrain.records.run import RunOutcome

MOST_ITEMS = 6
"""The most items of a list shown."""

NARROWEST = 8
"""Characters of a column of names; one that is longer continues in the next line."""


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: list[str]
    is_name: bool = False
    """Whether its cells may be broken, but for the numbers in them."""

    @property
    def width(self) -> int:
        """Characters that it takes unbroken."""
        return max(map(cell_len, [self.heading, *self.cells]))

    @property
    def least(self) -> int:
        """Characters below which a number, or a word of the heading, would be broken."""
        if not self.is_name:
            return self.width
        words = (word for cell in self.cells for word in cell.split())
        numbers = (word for word in words if word.lstrip("-([")[:1].isdigit())
        whole = map(cell_len, [*self.heading.split(), *numbers])
        return min(self.width, max([NARROWEST, *whole]))


def _column(heading: str, texts: Sequence[str], *, is_name: bool = False) -> _Column:
    """A column of texts that may come from data."""
    return _Column(heading, [inert(text) for text in texts], is_name)


def print_runs(runs: Sequence[RunOutcome], settings: Mapping[str, str], stream: TextIO) -> None:
    """A row a run, with a column for each of the `settings`: headings by dotted key.

    The start, and hidden units that are all equal, are left out if there is no room. If the rest
    does not fit, names continue in the next line. If that is not enough, the last settings are left
    out, and then other columns. A line names all columns left out; numbers are never broken.
    """
    console = make_console(stream)
    run = _column("run", [run.name for run in runs], is_name=True)
    data = _column("data", [run.dataset for run in runs], is_name=True)
    differing = list(_settings(runs, settings))
    epochs = _column("epochs", [f"{run.epochs:,}/{run.epochs_wanted:,}" for run in runs])
    best = _column("best", [_best(run) for run in runs], is_name=True)
    worst = _column("worst F1", [_worst(run) for run in runs], is_name=True)
    state = _column("state", [run.state for run in runs], is_name=True)
    hidden = _column("hidden", [run.network for run in runs])
    started = _column("started", [run.started[:16].replace("T", " ") for run in runs])
    networks = [hidden] if len(set(hidden.cells)) > 1 else []
    columns = [run, data, *networks, *differing, epochs, best, worst, state]
    left_out: list[str] = []
    for column, place in ((hidden, 2), (started, len(columns) + 1)):
        if column in columns:
            continue
        if _total(other.width for other in [*columns, column]) <= console.width:
            columns.insert(place, column)
        else:
            left_out.append(column.heading)
    for column in (*reversed(differing), *networks, data, state, worst):
        if _total(other.least for other in columns) <= console.width:
            break
        columns.remove(column)
        left_out.insert(0, column.heading)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for column, width in zip(columns, _widths(columns, console.width), strict=True):
        table.add_column(column.heading, overflow="fold", width=width)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(Text, row))
    console.print(table, crop=False)
    if left_out:
        line = f"Left out: {', '.join(left_out)}; --json or a wider terminal shows them."
        console.print(Text(line, style="dim"))


def _total(widths: Iterable[int]) -> int:
    """The width of a table with columns of these widths."""
    return sum(width + GAP for width in widths) - GAP


def _widths(columns: Sequence[_Column], room: int) -> list[int]:
    """The width of each column: the widest shrink, as far as they may, until all fit.

    Rich would shrink columns that cannot be narrower, and exceed the terminal.
    """
    widths = [column.width for column in columns]
    while _total(widths) > room:
        spare = [k for k, column in enumerate(columns) if widths[k] > column.least]
        if not spare:
            break
        widths[max(spare, key=widths.__getitem__)] -= 1
    return widths


def _settings(runs: Sequence[RunOutcome], headings: Mapping[str, str]) -> Iterator[_Column]:
    for key, heading in headings.items():
        values = [run.settings.get(key) for run in runs]
        cells = [_setting(value) for value in values]
        if len(set(cells)) < len(set(map(str, values))):  # they differ in hidden items
            cells = [_setting(value, len(str(value))) for value in values]
        yield _column(heading, cells, is_name=True)


def runs_as_json(runs: Sequence[RunOutcome], folder: str) -> dict[str, Any]:
    """The same for programs; undefined values are null."""
    return {
        "schema": 1,
        "folder": folder,
        "runs": [
            {
                "run": run.name,
                "data": run.dataset,
                "hidden": run.network,
                "epochs": run.epochs,
                "epochs_wanted": run.epochs_wanted,
                "best": None if run.best is None else _named(run.best, "monitor", "value"),
                "worst_class": None
                if run.worst_class is None
                else _named(run.worst_class, "name", "f1-score", "split"),
                "state": run.state,
                "started": run.started,
                "settings": dict(run.settings),
            }
            for run in runs
        ],
    }


def _named(values: tuple[Any, ...], *names: str) -> dict[str, Any]:
    plain = [None if isinstance(v, float) and math.isnan(v) else v for v in values]
    return dict(zip(names, plain, strict=True))


def _setting(value: Any, most: int = MOST_ITEMS) -> str:
    if isinstance(value, list | tuple):
        more = len(value) - most
        items = [_setting(item) for item in value[:most]]
        return ",".join([*items, f"+{more}"] if more > 0 else items)
    return "-" if value is None else str(value)


def _best(run: RunOutcome) -> str:
    return "-" if run.best is None else f"{figure(run.best[1])} {run.best[0]}"


def _worst(run: RunOutcome) -> str:
    if run.worst_class is None:
        return "-"
    name, f1, split = run.worst_class
    return f"{share(f1)} {name} ({split})"
