"""Answers only where the network is sure enough: how many rows it answers, and how many of them are right.

El-Yaniv and Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.undefined import interval
from mtrain.records.report import Answered
from mtrain.statistics.binomial import wilson
from mtrain.statistics.clusters import as_effective, effective_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.training import Predictions

LEVELS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
"""Probabilities of the predicted class above which rows are answered."""

COVERAGES = np.linspace(0.05, 1, 20)
"""Shares of the predictions of a class that are answered."""


def answered(predictions: Predictions, of_class: int | None = None) -> Iterator[Answered]:
    """What is answered above each of `LEVELS`: of all rows, or of those predicted as `of_class`."""
    rows, confidence, is_right = certainty(predictions, of_class)
    for level in LEVELS:
        is_answered = confidence > np.float32(level)
        right = np.array([np.count_nonzero(is_right & is_answered)])
        n = np.array([np.count_nonzero(is_answered)])
        effective = None
        if predictions.groups is not None and n[0]:
            numbers = np.unique(predictions.groups[rows[is_answered]], return_inverse=True)[1]
            zeros = np.zeros(n[0], np.int64)
            effective = effective_rows(zeros, numbers, is_right[is_answered], 1)
        yield Answered(
            above=level,
            rows=int(n[0]),
            of=len(rows),
            right=int(right[0]),
            right_ci=interval(wilson(*as_effective(right, n, effective))[0]),
        )


def precision_by_coverage(predictions: Predictions, n_classes: int) -> Floats:
    """The share that is right of the surest predictions of each class, (C, K) at `COVERAGES`.

    NaN for a class that is never predicted.
    """
    precision = np.full((len(COVERAGES), n_classes), np.nan)
    for k in range(n_classes):
        rows, confidence, is_right = certainty(predictions, k)
        if len(rows):
            hits = is_right[np.argsort(-confidence, kind="stable")].cumsum()
            n = np.ceil(np.round(COVERAGES * len(rows), 9)).astype(np.int64)
            precision[:, k] = hits[n - 1] / n
    return precision


def certainty(
    predictions: Predictions, of_class: int | None
) -> tuple[Ints, NDArray[np.float32], NDArray[np.bool_]]:
    """Positions of the rows, the probability of their predicted class, and whether it is right."""
    predicted = predictions.predicted
    rows = np.arange(len(predicted))
    if of_class is not None:
        rows = np.flatnonzero(predicted == of_class)
    predicted = predicted[rows]
    return rows, predictions.probabilities[rows, predicted], predicted == predictions.labels[rows]
