"""The table of `mtrain runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.report.results import make_console
from mtrain.report.text import figure, share, shortened
from mtrain.text import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records import RunOutcome


def print_runs(runs: Sequence[RunOutcome], stream: TextIO) -> None:
    """A row a run."""
    table = Table(box=None, pad_edge=False)
    for heading in ("run", "started", "data", "hidden"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column("epochs", justify="right", no_wrap=True)
    for heading in ("best", "worst class (F1)", "state"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for run in runs:
        table.add_row(
            Text(shortened(inert(run.name))),
            Text(inert(run.started[:16].replace("T", " "))),
            run.dataset,
            shortened(run.network),
            f"{run.epochs:,}/{run.epochs_wanted:,}",
            "-" if run.best is None else f"{run.best[0]} {figure(run.best[1])}",
            Text("-" if run.worst_class is None else _worst(*run.worst_class)),
            Text(inert(run.state)),
        )
    make_console(stream).print(table)


def _worst(name: str, f1: float) -> str:
    return f"{shortened(inert(name))} {share(f1)}"
