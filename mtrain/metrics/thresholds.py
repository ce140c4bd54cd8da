"""The probability above which the second of two classes is predicted: chosen, and applied."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.scores import threshold_counts
from mtrain.statistics.binomial import p_at_least, trials_to_show

if TYPE_CHECKING:
    from mtrain.config.experiment.evaluation import EvaluationConfig
    from mtrain.metrics.scores import Scores, Truths
    from mtrain.records.arrays import Counts, Ints
    from mtrain.records.training import Predictions


def choose_threshold(
    truths: Truths,
    scores: Scores,
    by: str,
    at_least: float | None = None,
    level: float | None = None,
) -> float:
    """The best threshold for `f1`, or the first one with `at_least` so much recall or precision.

    `truths` says which rows are positive, both of shape (N,); what is above the threshold is called
    positive. Of thresholds that reach a recall the highest, which has the best precision; of those
    that reach a precision the lowest, which has the best recall; of equal F1 the highest. Weights
    of rows are ignored. With a `level`, `at_least` is promised of new rows: the threshold falls short
    in at most that share of cases. In [0, 1), a float32; NaN if none reaches it, or all F1 are 0.
    """
    counts = threshold_counts(truths, scores)
    # Only a threshold below 0 would include a score of 0.
    if level is not None and at_least is not None:
        tp, fp = (each[1:][counts.scores > 0] for each in (counts.tp, counts.fp))
        trials = tp + fp if by == "precision" else np.full_like(tp, counts.tp[-1])
        reached = _promised(tp, trials, by, at_least, level)
    else:
        values = getattr(counts, by)[1:][counts.scores > 0]
        if at_least is None:
            at_least = max(values.max(initial=0.0), math.ulp(0.0))
        reached = np.flatnonzero(values >= at_least)
    if not len(reached):
        return math.nan
    lowest = reached[-1 if by == "precision" else 0]
    below = np.append(counts.scores, np.float32(0))[lowest + 1]
    return between(below, counts.scores[lowest])


def threshold_of(truths: Truths, scores: Scores, evaluation: EvaluationConfig, epoch: int) -> float:
    """The config's threshold after an epoch, as `choose_threshold` has it if it is to be chosen."""
    if (rule := evaluation.rule) is None:
        return evaluation.number
    return choose_threshold(truths, scores, rule.by, rule.at_least, rule.level(epoch))


def fewest_rows(by: str, at_least: float, level: float) -> int:
    """The fewest rows with which any threshold can be promised `at_least`, which is below 1.

    Of a recall, rows of the class, all of them found; of a precision, rows called positive, of which
    one may be wrong, so that a single mistake does not decide.
    """
    n = int(trials_to_show(at_least, 1.0, level))
    if by == "precision":
        while p_at_least(n - 1, n, at_least) > level:
            n += 1
    return n


def _promised(tp: Counts, trials: Counts, by: str, at_least: float, level: float) -> Ints:
    """The thresholds, highest first, of which a share of hits is shown to be `at_least`.

    Fixed-sequence testing: the thresholds are tested by exact bounds in an order that does not depend
    on the labels, from the safe end, to the first that fails; those before it keep the level without
    correction. Of a recall, whose trials are the same for all, the safe end is the lowest threshold;
    of a precision, the highest with enough rows. Bauer, Röhmel, Maurer and Hothorn, "Testing
    strategies in multi-dose experiments including active control", Statistics in Medicine 17 (1998).
    """
    shown = p_at_least(tp, trials, at_least) <= level
    if by == "recall":
        order = np.arange(len(tp))[::-1]
    else:
        order = np.flatnonzero(trials >= fewest_rows(by, at_least, level))
    return np.sort(order[np.logical_and.accumulate(shown[order])])


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
