"""Commands that a signal ends in order, leaving nothing half written."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.training.signals import InterruptedBySignal, interrupted_by_signals

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

    from mtrain.training.signals import Received


class StoppedError(MtrainError):
    """A signal ended a command; the exit status is that of a shell, 130 after Ctrl-C."""

    def __init__(self, number: signal.Signals, left: str) -> None:
        super().__init__(f"stopped by {number.name}", remedy=left)
        self.exit_status = 128 + number


@contextmanager
def stoppable(left: str = "") -> Iterator[Received]:
    """Turn SIGINT, SIGTERM and SIGHUP into an error, which says what is `left`; temporary files are removed."""
    try:
        with interrupted_by_signals() as received:
            yield received
    except InterruptedBySignal as stop:
        raise StoppedError(stop.signal, left) from None
