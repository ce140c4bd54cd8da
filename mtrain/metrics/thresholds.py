"""The probability above which the second of two classes is predicted: chosen, and applied."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.scores import threshold_counts

if TYPE_CHECKING:
    from mtrain.metrics.scores import Scores, Truths
    from mtrain.records.training import Predictions


def choose_threshold(
    truths: Truths, scores: Scores, by: str, at_least: float | None = None
) -> float:
    """The best threshold for `f1`, or the first one with `at_least` so much recall or precision.

    `truths` says which rows are positive, both of shape (N,); what is above the threshold is called
    positive. Of thresholds that reach a recall the highest, which has the best precision; of those
    that reach a precision the lowest, which has the best recall; of equal F1 the highest. Weights
    of rows are ignored. In [0, 1), a float32; NaN if none reaches it, or all F1 are 0.
    """
    counts = threshold_counts(truths, scores)
    # Only a threshold below 0 would include a score of 0.
    values = getattr(counts, by)[1:][counts.scores > 0]
    if at_least is None:
        at_least = max(values.max(initial=0.0), math.ulp(0.0))
    reached = np.flatnonzero(values >= at_least)
    if not len(reached):
        return math.nan
    lowest = reached[-1 if by == "precision" else 0]
    below = np.append(counts.scores, np.float32(0))[lowest + 1]
    return between(below, counts.scores[lowest])


def between(low: np.float32, high: np.float32) -> float:
    """The threshold with `high` above it, and `low` not: halfway, if float32 has a number there.

    A float32, so that it is the same whether it is compared as one or as a float64.
    """
    middle = np.float32((float(low) + float(high)) / 2)
    return float(middle if low < middle < high else low)


def predict_above(predictions: Predictions, threshold: float) -> Predictions:
    """The predictions with the second of two classes predicted above `threshold`, in [0, 1]."""
    above = predictions.probabilities[:, 1] > np.float32(threshold)
    return replace(predictions, predicted=above.astype(np.int64))
