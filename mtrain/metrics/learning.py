"""When each class was learned in training, and how much of it was forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.metrics.history import History
    from mtrain.records.arrays import Floats

LEARNED, FORGOTTEN = "learned", "forgotten"
"""Figures of the training rows in the history, of all and of every class: shares, in [0, 1], of those that
were right at least once so far, and that were wrong at least once after they had been right."""


@dataclass(frozen=True)
class ClassLearning:
    """The training rows of a class at the end of a history."""

    name: str
    half_learned_in: int | None
    """The first epoch after which half of them had been right at least once; None: after no epoch."""

    learned: float
    """The share that was right at least once; NaN for a class without rows."""

    forgotten: float
    """The share that was wrong at least once after it had been right; NaN as above."""

    @property
    def kept(self) -> float:
        """The share that was right at least once, and never wrong again after that."""
        return self.learned - self.forgotten


def class_learning(history: History) -> list[ClassLearning]:
    """Of each class; empty if the run has no diagnostics of rows, or no epoch."""
    figures = history.per_class.get("train", {})
    is_complete = {LEARNED, FORGOTTEN} <= figures.keys() & history.scalars.keys()
    if not history.epoch or not is_complete:
        return []
    learned: Floats = np.array(figures[LEARNED])
    half = learned >= 0.5
    return [
        ClassLearning(
            name,
            int(half[:, k].argmax()) + 1 if half[:, k].any() else None,
            float(learned[-1, k]),
            float(figures[FORGOTTEN][-1][k]),
        )
        for k, name in enumerate(history.classes)
    ]
