"""When each class was learned in training, and how much of it was forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import ratio

if TYPE_CHECKING:
    from mtrain.metrics.history import History
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.training import LearnedRows

LEARNED, FORGOTTEN = "learned", "forgotten"
"""Figures of the training rows in the history, of all and of every class: shares, in [0, 1], of those that
were right at least once so far, and that were wrong at least once after they had been right."""


@dataclass(frozen=True, eq=False)
class SeenRows:
    """Training rows of each class that were learned from at least once; both of shape (K,)."""

    rows: Ints
    """How many there are."""

    never_right: Ints
    """How many of them were never right."""


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

    never_right: int | None = None
    """How many rows were seen and never right; None: only their share is known."""

    @property
    def kept(self) -> float:
        """The share that was right at least once, and never wrong again after that."""
        return self.learned - self.forgotten


def seen_rows(learned: LearnedRows, n_classes: int) -> SeenRows:
    """Those of `learned`, by class."""
    seen = learned.labels[~np.isnan(learned.margins)]
    never = learned.labels[learned.never_learned]
    return SeenRows(np.bincount(seen, minlength=n_classes), np.bincount(never, minlength=n_classes))


def class_learning(history: History, seen: SeenRows | None = None) -> list[ClassLearning]:
    """Of each class; empty if the run has no diagnostics of rows, or no epoch.

    The history has shares. Counts are those of `seen`, unless it is of another time than the history's end:
    of a part of an epoch, or of a run before it was resumed.
    """
    figures = history.per_class.get("train", {})
    is_complete = {LEARNED, FORGOTTEN} <= figures.keys() & history.scalars.keys()
    if not history.epoch or not is_complete:
        return []
    learned: Floats = np.array(figures[LEARNED])
    half = learned >= 0.5
    if seen is not None:
        shares = ratio(seen.rows - seen.never_right, seen.rows)
        seen = seen if np.array_equal(shares, learned[-1], equal_nan=True) else None
    return [
        ClassLearning(
            name,
            int(half[:, k].argmax()) + 1 if half[:, k].any() else None,
            float(learned[-1, k]),
            float(figures[FORGOTTEN][-1][k]),
            None if seen is None else int(seen.never_right[k]),
        )
        for k, name in enumerate(history.classes)
    ]
