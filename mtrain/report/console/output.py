"""The console of commands, and texts that are safe to print."""

from __future__ import annotations

import os
from typing import TextIO

from rich.console import Console
from rich.text import Text

from mtrain.escape import inert

WIDTH_OF_A_FILE = 1000


class _Console(Console):
    """Leaves a closed pipe to the command; rich would exit with status 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """As wide as the terminal or COLUMNS; a file or a pipe has no width to fit into."""
    fits = stream.isatty() or "COLUMNS" in os.environ
    return _Console(file=stream, highlight=False, width=None if fits else WIDTH_OF_A_FILE)


def inert_text(text: str, style: str = "") -> Text:
    """A line that may hold names from data: without markup, unprintable characters escaped."""
    return Text(inert(text), style=style)
