"""How a training is watched: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import builtins
import os
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO, cast

from mtrain.report.plain import PlainLines

if TYPE_CHECKING:
    from mtrain.observer import Observer


class Unbroken:
    """A stream to write to that loses what nobody reads any longer.

    Whoever read may have had enough, as after `2>&1 | head`, or the terminal is gone; that is no
    reason to stop training.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream's own."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """As the stream's own."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def watch_from_python(progress: bool | None) -> Observer | None:
    """What shows a training to whoever called a Python function; None: nothing does.

    `progress` says whether it is shown; None: on a terminal and in a notebook alone.
    """
    if progress is False:
        return None
    if hasattr(builtins, "get_ipython"):
        from rich.console import Console

        from mtrain.report.live import LiveTable

        if (notebook := Console(highlight=False)).is_jupyter:
            # rich draws the same place again by a widget alone.
            drawable = find_spec("ipywidgets") is not None
            return LiveTable(notebook) if drawable else PlainLines(sys.stdout)
    if sys.stderr is None:  # as under pythonw
        return None
    return watch(sys.stderr) if progress or sys.stderr.isatty() else None


def watch(stream: TextIO) -> Observer:
    """What shows a training on `stream`: a live table on a terminal that can, else plain lines."""
    lasting = cast("TextIO", Unbroken(stream))
    capable = stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    if capable and not os.environ.get("CI"):
        from rich.console import Console

        from mtrain.report.live import LiveTable

        return LiveTable(Console(file=lasting, highlight=False))
    return PlainLines(lasting)
