"""The table of `mtrain runs`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.report.results import make_console
from mtrain.report.text import SPLITS, figure, share
from mtrain.text import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records import RunOutcome

NARROWEST = 6
"""Characters of a column of names, which goes on in the next line where it is narrower than they."""


def print_runs(runs: Sequence[RunOutcome], settings: Sequence[str], stream: TextIO) -> None:
    """A row a run, with a column for each of the `settings`, by dotted key.

    Where all does not fit, names go on in the next line; numbers are never broken.
    """
    short = [key.rpartition(".")[2] for key in settings]
    columns = {
        "run": [run.name for run in runs],
        "data": [run.dataset for run in runs],
        "hidden": [run.network for run in runs],
        **{
            last if short.count(last) == 1 else key: [_setting(run.settings[key]) for run in runs]
            for key, last in zip(settings, short, strict=True)
        },
        "epochs": [f"{run.epochs:,}/{run.epochs_wanted:,}" for run in runs],
        "best": [_best(run) for run in runs],
        "worst class (F1)": [_worst(run) for run in runs],
        "state": [run.state for run in runs],
        "started": [run.started[:16].replace("T", " ") for run in runs],
    }
    table = Table(box=None, pad_edge=False)
    for heading, cells in columns.items():
        words = [word for cell in cells for word in cell.split()]
        numbers = [word for word in words if word.lstrip("-([")[:1].isdigit()]
        widest = max(map(len, numbers), default=0)
        table.add_column(heading, overflow="fold", min_width=max(widest, NARROWEST))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text(inert(cell)) for cell in row))
    make_console(stream).print(table, crop=False, overflow="ignore", no_wrap=False)


def runs_as_json(runs: Sequence[RunOutcome], folder: str) -> dict[str, Any]:
    """The same for programs; what is undefined is null."""
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


def _setting(value: Any) -> str:
    return "-" if value is None else str(value)


def _best(run: RunOutcome) -> str:
    return "-" if run.best is None else f"{figure(run.best[1])} {run.best[0]}"


def _worst(run: RunOutcome) -> str:
    if run.worst_class is None:
        return "-"
    name, f1, split = run.worst_class
    return f"{share(f1)} {name} ({SPLITS[split]})"
