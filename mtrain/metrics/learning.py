"""When each class was learned in training, and how much of it was forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import ratio

if TYPE_CHECKING:
    from mtrain.metrics.history import History
    from mtrain.records.arrays import Floats, Ints

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

    never_right: int | None = None
    """How many rows were seen and never right; None: only their share is known."""

    @property
    def kept(self) -> float:
        """The share that was right at least once, and never wrong again after that."""
        return self.learned - self.forgotten


def class_learning(history: History, never: Ints | None = None) -> list[ClassLearning]:
    """Of each class; empty if the run has no diagnostics of rows, or no epoch.

    The history has shares. `never` is how many rows of each class (K,) were seen and never right; it is left
    out if it is of another time than the history's end: of a part of an epoch, or before a run was resumed.
    """
    figures = history.per_class.get("train", {})
    is_complete = {LEARNED, FORGOTTEN} <= figures.keys() & history.scalars.keys()
    if not history.epoch or not is_complete:
        return []
    learned: Floats = np.array(figures[LEARNED])
    half = learned >= 0.5
    if never is not None and not _are_of(never, learned[-1], _support(history)):
        never = None
    return [
        ClassLearning(
            name,
            int(half[:, k].argmax()) + 1 if half[:, k].any() else None,
            float(learned[-1, k]),
            float(figures[FORGOTTEN][-1][k]),
            None if never is None else int(never[k]),
        )
        for k, name in enumerate(history.classes)
    ]


def _are_of(never: Ints, learned: Floats, support: Ints) -> bool:
    """Whether so many rows of each class (K,) can be those that were never right.

    The shares (K,) of the others tell how many were seen: of epochs with all rows, `support` (E, K), these, and
    else at least as many as an epoch had.
    """
    some = never > 0
    # NaN, of a class without rows, is neither.
    if (learned[~some] < 1).any() or (learned[some] == 1).any():
        return False
    rows = np.rint(ratio(never[some], 1 - learned[some]))
    if (support == support[0]).all():
        return np.array_equal(rows, support[0, some])
    return bool((rows >= support[:, some].max(axis=0)).all())


def _support(history: History) -> Ints:
    """The training rows of each class in each epoch, shape (E, K)."""
    counts = history.counts["train"]
    return np.add(counts["tp"], counts["fn"])
