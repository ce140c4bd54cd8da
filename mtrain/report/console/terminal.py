"""What can be shown on a stream; light, for the commands import it whatever they do."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator


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


def draws(stream: TextIO) -> bool:
    """Whether it is a terminal that can draw over what it shows."""
    capable = stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    return capable and not os.environ.get("CI")


@contextmanager
def waiting(task: str, stream: TextIO) -> Iterator[None]:
    """Say on a terminal what takes so long, in a line that goes away; elsewhere say nothing."""
    if not draws(stream):
        yield
        return
    lasting, line = Unbroken(stream), f"{task} ..."
    lasting.write(f"{line}\r")
    lasting.flush()
    try:
        yield
    finally:
        lasting.write(f"{' ' * len(line)}\r")
        lasting.flush()
