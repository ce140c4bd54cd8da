"""What a tracker was given, in the console."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from mtrain.report.console.output import inert_text, make_console

if TYPE_CHECKING:
    from mtrain.records.tracking import Logged


def print_logged(logged: Logged, stream: TextIO) -> None:
    """A line: what was new, and where it is."""
    parts = [f"{logged.epochs:,} epoch{'s' * (logged.epochs != 1)}"] if logged.epochs else []
    if logged.outcome:
        parts.append("its outcome")
    new = " and ".join(parts) or "nothing new"
    state = "" if logged.state == "finished" else f" ({logged.state})"
    make_console(stream).print(
        inert_text(f"{logged.run}{state}: {new}; {logged.where}"), soft_wrap=True
    )
