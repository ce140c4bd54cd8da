"""Observers of a training: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import builtins
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, TextIO, cast

from mtrain.report.console.plain import PlainLines
from mtrain.report.console.terminal import Unbroken, draws

if TYPE_CHECKING:
    from mtrain.observer import Observer


def watch_from_python(progress: bool | None) -> Observer | None:
    """The observer that shows a training in a Python program; None: it is not shown.

    `progress` says whether it is shown; None: only on a terminal and in a notebook.
    """
    if progress is False:
        return None
    if hasattr(builtins, "get_ipython"):
        from rich.console import Console

        from mtrain.report.console.live import LiveTable

        if (notebook := Console(highlight=False)).is_jupyter:
            # rich redraws in place only by a widget.
            drawable = find_spec("ipywidgets") is not None
            return LiveTable(notebook) if drawable else PlainLines(sys.stdout)
    if sys.stderr is None:  # as under pythonw
        return None
    return watch(sys.stderr) if progress or sys.stderr.isatty() else None


def watch(stream: TextIO) -> Observer:
    """The observer that shows a training on `stream`: a live table if possible, else plain lines."""
    lasting = cast("TextIO", Unbroken(stream))
    if draws(stream):
        from rich.console import Console

        from mtrain.report.console.live import LiveTable

        return LiveTable(Console(file=lasting, highlight=False))
    return PlainLines(lasting)
