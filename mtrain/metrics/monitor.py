"""Whether a figure of the history still improves, epoch by epoch.

Monitors take one epoch's value at a time and have no state beyond the history: fed the history
again, they are in the same state.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.catalog.metrics import better_mode

if TYPE_CHECKING:
    from mtrain.metrics.history import History


FEW_EPOCHS = 3
"""Fewest epochs: with fewer, it means little which was the best."""


def higher_is_better(monitor: str, mode: str | None = None) -> bool:
    """Whether the scalar of the history called `monitor` improves as it rises.

    `mode`, `min` or `max`, is for a custom metric, whose name does not tell its direction.
    """
    return (mode or better_mode(monitor)) == "max"


class Improvement:
    """The best value so far, and the number of epochs since.

    As Keras' EarlyStopping counts; a value that is not finite is no improvement.
    """

    def __init__(self, monitor: str, min_delta: float = 0.0, mode: str | None = None) -> None:
        """A change of the scalar `monitor` must be larger than `min_delta` to be one.

        `mode` is as for `higher_is_better`.
        """
        self.waited = 0
        self._sign = 1 if higher_is_better(monitor, mode) else -1
        self._min_delta = min_delta
        self._best = -math.inf

    def add(self, value: float) -> bool:
        """Take the next epoch's value; returns whether it is an improvement."""
        signed = self._sign * value
        if math.isfinite(value) and signed - self._min_delta > self._best:
            self._best, self.waited = signed, 0
            return True
        self.waited += 1
        return False


class Plateau:
    """Whether a figure has stopped improving, as Keras' ReduceLROnPlateau counts."""

    def __init__(
        self,
        monitor: str,
        patience: int,
        min_delta: float,
        cooldown: int,
        mode: str | None = None,
    ) -> None:
        """A plateau is `patience` epochs without improvement.

        The `cooldown` epochs after one are not counted.

        `mode` is as for `higher_is_better`.
        """
        self._improvement = Improvement(monitor, min_delta, mode)
        self._patience = patience
        self._cooldown = cooldown
        self._cooling = 0

    def add(self, value: float) -> bool:
        """Take the next epoch's value; returns whether a plateau is reached with it."""
        self._improvement.add(value)
        if self._cooling:
            self._cooling -= 1
            if self._cooling or self._improvement.waited == 0:
                self._improvement.waited = 0
                return False
            self._improvement.waited = 1
        if self._improvement.waited < self._patience:
            return False
        self._improvement.waited = 0
        self._cooling = self._cooldown
        return True


def always_undefined(history: History, monitor: str) -> str | None:
    """A message if the scalar `monitor` was undefined in every epoch, and why; else None."""
    epochs = range(len(history.epoch))
    if not epochs or any(math.isfinite(history.monitored(monitor, k)) for k in epochs):
        return None
    split = "val" if monitor.startswith("val_") else "train"
    why = "no class has a value of it"
    if all(math.isfinite(value) for value in history.scalars[monitor]):
        last = history.class_counts(split, -1)
        never = np.flatnonzero((last.support > 0) & (last.predicted == 0))
        why = f"class {history.classes[never[0]]!r} was never predicted" if len(never) else why
    return f"{monitor} was undefined in every epoch: {why}"


def first_is_best(history: History, monitor: str, mode: str | None = None) -> str | None:
    """What to try if the first epoch was the best of several, by the scalar `monitor`.

    None if another epoch was the best, or the last is as good. `mode` is as for `higher_is_better`.
    """
    epochs = len(history.epoch)
    improvement = Improvement(monitor, mode=mode)
    improved = [improvement.add(history.monitored(monitor, k)) for k in range(epochs)]
    if epochs < FEW_EPOCHS or not improved[0] or any(improved[1:]):
        return None
    first, last = (history.monitored(monitor, k) for k in (0, -1))
    if first == last:
        return None
    return (
        f"The first of {epochs:,} epochs was the best by {monitor}: smaller steps may learn more; "
        "try a lower optimizer.learning_rate."
    )
