"""Signals that ask a training to save and stop."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stop_signals() -> Iterator[list[signal.Signals]]:
    """Yields a list that the first SIGINT, SIGTERM or SIGHUP is put into.

    The second then does what it does to any program: it stops at once. One that is ignored, as
    `nohup` has it, stays ignored.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return

    def receive(number: int, _frame: object) -> None:
        received.append(signal.Signals(number))
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if (handler := signal.getsignal(number)) not in {None, signal.SIG_IGN}
    }
    for number in before:
        signal.signal(number, receive)
    try:
        yield received
    finally:
        restore()
