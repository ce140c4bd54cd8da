"""Output on streams; light, because all commands import it."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Unbroken:
    """A stream that drops output that nobody reads any longer.

    The reader may have stopped, as after `2>&1 | head`, or the terminal is gone; training
    continues.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As the stream's method."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """As the stream's method."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def draws(stream: TextIO) -> bool:
    """Whether it is a terminal that can draw over what it shows."""
    capable = stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    return capable and not os.environ.get("CI")


@contextmanager
def waiting(task: str, stream: TextIO) -> Iterator[Callable[[str], None]]:
    """Show the current task on a terminal, in a line that disappears; elsewhere show nothing.

    Yields a function that tells how far the task is, as text that does not get shorter.
    """
    lasting, line = Unbroken(stream), f"{task} ..."

    def show(text: str) -> None:
        if draws(stream):
            lasting.write(f"{text}\r")
            lasting.flush()

    def tell(progress: str) -> None:
        nonlocal line
        line = f"{task}, {progress} ..."
        show(line)

    show(line)
    try:
        yield tell
    finally:
        show(" " * len(line))
