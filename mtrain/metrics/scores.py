"""Figures and curves that need the scores behind the predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mtrain.metrics.counts import ratio
from mtrain.statistics.sums import dot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records.arrays import Counts, Floats, Ints

MANY_CLASSES = 100
"""Number of classes from which true pairs are less than a hundredth of all (row, class) pairs."""

Scores = NDArray[np.float32]
Truths = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ThresholdCounts:
    """Hits and false alarms at each distinct score as the threshold, highest first.

    Both of shape (T + 1,), from nothing called positive to everything: int64, or float64 where rows
    are weighted.
    """

    tp: Counts
    fp: Counts
    scores: Scores
    """The distinct scores, shape (T,)."""

    @property
    def true_positive_rate(self) -> Floats:
        """Y of the ROC curve, in [0, 1]; NaN without positives."""
        return ratio(self.tp, self.tp[-1])

    @property
    def false_positive_rate(self) -> Floats:
        """X of the ROC curve, in [0, 1]; NaN without negatives."""
        return ratio(self.fp, self.fp[-1])

    @property
    def precision(self) -> Floats:
        """Y of the precision-recall curve, in [0, 1], at `true_positive_rate` as its x.

        1 where nothing is called positive, by convention.
        """
        return np.concatenate([[1.0], ratio(self.tp[1:], (self.tp + self.fp)[1:])])

    @property
    def recall(self) -> Floats:
        """Another name for `true_positive_rate`."""
        return self.true_positive_rate

    @property
    def f1(self) -> Floats:
        """2tp / (2tp + fp + fn), as `ClassCounts.f1`; NaN without positives, called or true."""
        return ratio(2 * self.tp, self.tp + self.fp + self.tp[-1])

    @property
    def roc_auc(self) -> float:
        """Area under the ROC curve, exact: the chance that a positive outranks a negative.

        Ties count half: Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters
        27 (2006), 7. NaN without positives or without negatives.
        """
        twice = dot(np.diff(self.fp), self.tp[1:] + self.tp[:-1])
        return float(ratio(twice, 2 * self.tp[-1] * self.fp[-1]))

    @property
    def average_precision(self) -> float:
        """Sum of precision times the rise of recall over all thresholds, in [0, 1].

        The step sum of Manning, Raghavan and Schütze (2008), 8.4; NaN without positives.
        """
        if not self.tp[-1]:
            return float("nan")
        return float(dot(np.diff(self.true_positive_rate), self.precision[1:]))


def threshold_counts(
    truths: Truths, scores: Scores, weights: Floats | None = None
) -> ThresholdCounts:
    """Count at every threshold; `truths` says which rows are positive, all of shape (N,).

    At least one row; scores are float32 from 0 to 1.
    """
    if weights is not None:
        return _weighted_threshold_counts(truths, scores, weights)
    # The bits of floats from 0 on are in the floats' order, and the sign leaves room for the truth
    # beside them: plain integers are sorted several times as fast as places.
    keys = np.ascontiguousarray(scores).view(np.uint32) << 1 | truths
    keys.sort()
    keys = keys[::-1]
    bits = keys >> 1
    last_of_ties = np.flatnonzero(np.append(bits[:-1] != bits[1:], True))
    tp = np.cumsum(keys & 1, dtype=np.int64)[last_of_ties]
    fp = last_of_ties + 1 - tp
    return ThresholdCounts(_from_0(tp), _from_0(fp), bits[last_of_ties].view(np.float32))


def one_against_rest(
    labels: Ints, probabilities: Scores, weights: Floats | None = None
) -> Iterator[ThresholdCounts]:
    """The counts of each class as the positive one; labels (N,), probabilities (N, K)."""
    for k in range(probabilities.shape[1]):
        yield threshold_counts(labels == k, probabilities[:, k], weights)


def pooled(labels: Ints, probabilities: Scores, weights: Floats | None = None) -> ThresholdCounts:
    """All (row, class) pairs as one problem of N * K rows: of the micro averages.

    Of very many classes, thresholds at which no true pair is won or lost are left out: they change
    neither the area under a curve nor the average precision.
    """
    n_classes = probabilities.shape[1]
    if n_classes > MANY_CLASSES:
        return _pooled_by_class(labels, probabilities, weights)
    truths = labels[:, None] == np.arange(n_classes)
    repeated = None if weights is None else np.repeat(weights, n_classes)
    return threshold_counts(truths.ravel(), probabilities.ravel(), repeated)


def _pooled_by_class(
    labels: Ints, probabilities: Scores, weights: Floats | None
) -> ThresholdCounts:
    """The same, a class at a time: sorted at once, N * K pairs take hundreds of bytes each.

    Pairs are counted at each score of a true pair, and between two of them.
    """
    rows = np.arange(len(labels)) if weights is None else np.flatnonzero(weights > 0)
    true = probabilities[rows, labels[rows]]
    steps = np.unique(true)
    size = 2 * len(steps) + 1  # below the first, at it, between it and the second, ...
    each = None if weights is None else weights[rows]
    tp: Counts = np.bincount(2 * np.searchsorted(steps, true) + 1, each, size)
    fp: Counts = np.zeros_like(tp)
    for k in range(probabilities.shape[1]):
        others = rows[labels[rows] != k]
        scores = probabilities[others, k]
        places = np.searchsorted(steps, scores, "left") + np.searchsorted(steps, scores, "right")
        fp = fp + np.bincount(places, None if weights is None else weights[others], size)
    lowest = np.zeros(size, np.float32)
    lowest[1::2] = steps
    lowest[2::2] = np.nextafter(steps, np.float32(np.inf))
    filled = np.flatnonzero(tp + fp > 0)[::-1]
    tp, fp = tp[filled].cumsum(), fp[filled].cumsum()
    return ThresholdCounts(_from_0(tp), _from_0(fp), lowest[filled])


def top_k_hits(labels: Ints, probabilities: Scores, k: int) -> int:
    """Rows whose true class is among the k most probable; equal ones rank by the lower index.

    k = 1 counts the correct predictions of the argmax.
    """
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    lower_index = np.arange(probabilities.shape[1]) < labels[:, None]
    ahead = (probabilities > true) | ((probabilities == true) & lower_index)
    return int(np.count_nonzero(ahead.sum(axis=1) < k))


def _weighted_threshold_counts(truths: Truths, scores: Scores, weights: Floats) -> ThresholdCounts:
    # A score that only rows without weight have is no threshold.
    counted = weights > 0
    truths, scores, weights = truths[counted], scores[counted], weights[counted]
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.flatnonzero(np.diff(scores[order], append=np.nan))
    truths, each = truths[order], weights[order]
    tp, fp = ((each * mask).cumsum()[last_of_ties] for mask in (truths, ~truths))
    return ThresholdCounts(_from_0(tp), _from_0(fp), scores[order][last_of_ties])


def _from_0(counts: Counts) -> Counts:
    """With a leading 0, for nothing called positive."""
    return np.concatenate([np.zeros(1, counts.dtype), counts])
