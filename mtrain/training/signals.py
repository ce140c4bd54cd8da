"""Signals that ask a training to save and stop, or to leave out its report, and other commands to end."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedBySignal(BaseException):
    """A signal asked this process to stop, and what is to be saved is saved."""

    def __init__(self, signal_: signal.Signals) -> None:
        self.signal = signal_
        super().__init__(signal_.name)


@dataclass
class Received:
    """The signals received so far."""

    signals: list[signal.Signals] = field(default_factory=list)
    interrupts: bool = False
    """Whether the next signal raises `InterruptedBySignal` at once."""

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Raise `InterruptedBySignal` when a signal comes."""
        self.interrupts = True
        try:
            yield
        finally:
            self.interrupts = False

    def defer(self) -> None:
        """From here on, let signals wait: what follows is done as a whole."""
        self.interrupts = False

    def check(self) -> None:
        """Raise `InterruptedBySignal` if a signal came already."""
        if self.signals:
            raise InterruptedBySignal(self.signals[0])


@contextmanager
def handled_signals() -> Iterator[Received]:
    """Yields an object that collects SIGINT, SIGTERM and SIGHUP.

    After any of them, SIGINT stops the process at once. SIGTERM and SIGHUP do not, as they may come
    in pairs, as from a closed terminal. An ignored signal, as under `nohup`, stays ignored.
    """
    received = Received()

    def receive(number: int, _frame: object) -> None:
        received.signals.append(signal.Signals(number))
        signal.signal(signal.SIGINT, before.get(signal.SIGINT, signal.SIG_IGN))
        if received.interrupts:
            raise InterruptedBySignal(received.signals[-1])

    with _handled(receive) as before:
        yield received


@contextmanager
def interrupted_by_signals() -> Iterator[Received]:
    """Leave the context by `InterruptedBySignal` at any signal, so that nothing half done stays behind."""
    with handled_signals() as received, received.interrupting():
        yield received


@contextmanager
def raising_at_once() -> Iterator[None]:
    """Leave the context at any signal, as at Ctrl-C, so that it can clean up; then it is raised again."""
    came: list[int] = []

    def receive(number: int, _frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    try:
        with _handled(receive):
            yield
    except KeyboardInterrupt:
        for number in came[:1]:
            signal.raise_signal(number)
        raise


@contextmanager
def _handled(handler: Callable[[int, object], None]) -> Iterator[dict[signal.Signals, Any]]:
    """Handle the signals that are not ignored; yields their earlier handlers."""
    before: dict[signal.Signals, Any] = {}
    # Only the main thread may handle signals.
    if threading.current_thread() is threading.main_thread():
        before = {
            number: former
            for number in STOPPING
            if (former := signal.getsignal(number)) not in {None, signal.SIG_IGN}
        }
    for number in before:
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for number, former in before.items():
            signal.signal(number, former)
