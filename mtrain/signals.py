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
    """Yields a list that SIGINT, SIGTERM and SIGHUP are put into.

    After any of them SIGINT does what it does to any program: it stops at once. SIGTERM and SIGHUP
    do not, for they may come in twos, as from a terminal that is closed. One that is ignored, as
    `nohup` has it, stays ignored.
    """
    received: list[signal.Signals] = []
    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread may handle signals
        return

    def receive(number: int, _frame: object) -> None:
        received.append(signal.Signals(number))
        signal.signal(signal.SIGINT, before.get(signal.SIGINT, signal.SIG_IGN))

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
        for number, handler in before.items():
            signal.signal(number, handler)
