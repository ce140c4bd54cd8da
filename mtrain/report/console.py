"""How a training is watched: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from mtrain.report.plain import PlainLines

if TYPE_CHECKING:
    from mtrain.observer import Observer


def watch(stream: TextIO) -> Observer:
    """What shows a training on `stream`: a live table on a terminal that can, else plain lines."""
    capable = stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    if capable and not os.environ.get("CI"):
        from rich.console import Console

        from mtrain.report.live import LiveTable

        return LiveTable(Console(file=stream, highlight=False))
    return PlainLines(stream)
