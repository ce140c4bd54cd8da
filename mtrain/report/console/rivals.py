"""What rivals reach before any training, in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import p_value, share, signed

if TYPE_CHECKING:
    from mtrain.records.rivals import Rival, RivalTrial


def print_rivals(trial: RivalTrial, stream: TextIO) -> None:
    """Each rival beside the baseline, with what went wrong."""
    console = make_console(stream)
    text = f"rivals on {trial.rows:,} test rows, beside always answering '{trial.baseline_class}':"
    console.print(inert_text(text))
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    for heading in (
        "accuracy",
        "above always, 95 % interval",
        "adjusted p",
        "balanced",
        "macro F1",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("log loss", "lowest recall"):
        table.add_column(heading, justify="right")
    judged = [one for one in trial.rivals if one.problem is None]
    for one in judged:
        table.add_row(*map(Text, _cells(one)))
    if judged:
        console.print(table)
    for one in trial.rivals:
        if one.problem is not None:
            console.print(inert_text(f"No {one.title}: {one.problem}"))
        for note in one.notes:
            console.print(inert_text(f"{one.title}: {note}"))


def _cells(one: Rival) -> list[str]:
    accuracy, balanced = one.accuracy, one.recall_macro
    if accuracy is None or balanced is None:
        return [one.title]
    above = "-"
    if accuracy.ci is not None:
        above = f"{signed(accuracy.ci[0])} to {signed(accuracy.ci[1])}"
    lowest = min(
        (entry for entry in one.classes if entry.recall is not None),
        key=lambda entry: entry.recall or 0.0,
    )
    return [
        one.title,
        share(accuracy.second),
        above,
        p_value(accuracy.p_adjusted),
        share(balanced.second),
        share(one.f1_macro),
        share(one.log_loss),
        f"{share(lowest.recall)} {lowest.name}",
    ]
