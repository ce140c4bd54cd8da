"""A tracker that follows a training in its own thread: no epoch waits for it, only the end does."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import islice
from queue import SimpleQueue
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.observer import Observer
from mtrain.trackers.replay import log_lacking, replay
from mtrain.trackers.tracked import tracked_epochs

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.metrics.epoch import EpochFigures
    from mtrain.observer import TrainingFacts
    from mtrain.trackers.replay import Kept
    from mtrain.trackers.tracked import TrackedRun

LONGEST_END = 60.0
"""Seconds that the end of a training waits for a tracker."""


class Following(Observer):
    """Logs each epoch when it is done, and at the end what the run's files have."""

    def __init__(
        self, name: str, read: Callable[[str], TrackedRun], open_run: Callable[[TrackedRun], Kept]
    ) -> None:
        """`read` reads the run's files, its state given; `open_run` finds or makes it in the tracker."""
        self._name = name
        self._read = read
        self._open_run = open_run
        self._events: SimpleQueue[int | str] = SimpleQueue()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._problem: Exception | None = None

    def begin(self, facts: TrainingFacts) -> None:
        """Begin to log; earlier epochs that the tracker lacks, too."""
        self._history = facts.history
        self._begun = self._read("running")
        self._thread.start()

    def epoch(self, figures: EpochFigures, seconds: float) -> None:  # noqa: ARG002 -- Observer's
        """Log it soon; raises what went wrong since."""
        self._events.put(figures.epoch)
        self._check()

    def end(self, outcome: str) -> None:
        """Log the rest; raises `MtrainError` if that fails, or takes longer than a minute.

        Ctrl-C ends the wait, and not the run, which is kept already.
        """
        if not self._thread.ident:
            return
        ended = self._history.segments[-1].ended
        self._events.put(outcome if ended in {None, outcome} else f"stopped by {ended}")
        with suppress(KeyboardInterrupt):
            self._thread.join(LONGEST_END)
        self._check()
        if self._thread.is_alive():
            raise MtrainError(
                f"{self._name} has not taken everything yet",
                remedy=f"`mtrain log RUN --to {self._name.lower()}=URI` gives it the rest",
            )

    def _check(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _follow(self) -> None:
        try:
            with self._begun.identity.alone(self._name.lower()):
                self._log()
        except Exception as error:  # noqa: BLE001 -- raised where the training hears of it
            self._problem = error

    def _log(self) -> None:
        kept = self._open_run(self._begun)
        kept.say_state("running", self._begun.ended)
        # Never asked for an epoch that is not done yet, which would be its end.
        epochs, done = tracked_epochs(self._history), 0
        event: int | str = len(self._begun.history.epoch)
        while isinstance(event, int):
            log_lacking(kept, islice(epochs, event - done))
            done, event = event, self._newest()
        replay(self._read(event), kept)

    def _newest(self) -> int | str:
        """The newest epoch, or the outcome, when there is one."""
        event = self._events.get()
        while isinstance(event, int) and not self._events.empty():
            event = self._events.get()
        return event
