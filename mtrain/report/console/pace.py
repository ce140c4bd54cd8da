"""The speed of a training, and the time left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mtrain.report.text import duration

if TYPE_CHECKING:
    from mtrain.records.training import Progress


class Pace:
    """Measures rows per second and the time left from each chunk of steps.

    The loop, and the separate function of the ragged last step, are compiled when they first run,
    so the first chunk of each is left out. Work between the last step of an epoch and the next
    epoch, such as a validation, is part of the time left and not of the speed.
    """

    def __init__(self, rows_an_epoch: int, epochs: int, done: int = 0) -> None:
        self._rows_an_epoch = rows_an_epoch
        self._epochs = epochs
        self._epochs_done = done
        self._last: Progress | None = None
        self._compiled: set[int] = set()
        self._rows = 0
        self._seconds = 0.0
        self._pause: float | None = None
        self._since = time.monotonic()

    @property
    def total(self) -> int:
        """Rows that all epochs see."""
        return self._rows_an_epoch * self._epochs

    @property
    def rows_seen(self) -> int:
        """Rows that have been trained on, over all epochs."""
        within = 0
        if self._last is not None and self._last.epoch > self._epochs_done:
            within = self._last.rows
        return self._epochs_done * self._rows_an_epoch + within

    def progress(self, progress: Progress) -> None:
        """A chunk of steps is done."""
        before = self._last if self._last and self._last.epoch == progress.epoch else None
        rows = progress.rows - (before.rows if before else 0)
        steps = progress.step - (before.step if before else 0)
        batch_size = rows // max(1, steps)
        seconds = self._elapsed()
        if batch_size in self._compiled:
            self._rows += rows
            self._seconds += seconds
        self._compiled.add(batch_size)
        self._last = progress
        self._epochs_done = progress.epoch - 1

    def epoch(self, epoch: int) -> None:
        """Epoch number `epoch`, counted from 1, is done."""
        pause = self._elapsed()
        # The first validation is traced, so it may take longer than the others.
        self._pause = pause if self._pause is None else min(pause, self._pause)
        self._epochs_done = epoch

    def __str__(self) -> str:
        """`12,345 samples/s, 0:42 left`; empty until something is known."""
        if not (self._rows and self._seconds):
            return ""
        speed = self._rows / self._seconds
        left = (self.total - self.rows_seen) / speed
        left += (self._epochs - self._epochs_done) * (self._pause or 0.0)
        return f"{speed:,.0f} samples/s, {duration(left)} left"

    def _elapsed(self) -> float:
        """Seconds since this was last asked."""
        before, self._since = self._since, time.monotonic()
        return self._since - before
