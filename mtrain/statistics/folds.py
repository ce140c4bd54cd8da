"""The mean over the folds of a cross-validation, and recipes compared by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats


@dataclass(frozen=True)
class FoldsMean:
    """The mean of a figure over folds, its interval, and the test that it is 0."""

    mean: float
    """NaN without a fold where the figure is defined."""

    low: float
    high: float
    p: float
    """Two-sided p-value of a true mean of 0: for differences, of no difference."""

    folds: int
    """The number of folds where the figure is defined."""


def folds_mean(values: Floats, test_share: float, level: float = 0.95) -> FoldsMean:
    """The mean of the figures of K folds, shape (K,), and its interval.

    Each fold is tested on `test_share` of all rows, in (0, 1), and trained on the others: 1 / K in
    K-fold cross-validation. The folds share rows of training, so their variance s^2 is not divided by
    K but multiplied by 1 / K + test / train, with K - 1 degrees of freedom: Nadeau and Bengio,
    "Inference for the generalization error", Machine Learning 52 (2003).

    A fold where the figure is undefined, NaN, is left out, and K is smaller. Interval and p-value are
    NaN for fewer than two folds, and for folds that are all equal, which say nothing of their
    variance; there the p-value is 1 if all are 0.
    """
    from scipy.special import stdtr, stdtrit

    defined = values[~np.isnan(values)]
    k = len(defined)
    mean = float(defined.mean()) if k else math.nan
    if k < 2 or (defined == defined[0]).all():
        p = 1.0 if k > 1 and mean == 0 else math.nan
        return FoldsMean(mean, math.nan, math.nan, p, k)
    error = math.sqrt((1 / k + test_share / (1 - test_share)) * float(defined.var(ddof=1)))
    reach = float(stdtrit(k - 1, (1 + level) / 2)) * error
    p = 2 * float(stdtr(k - 1, -abs(mean) / error))
    return FoldsMean(mean, mean - reach, mean + reach, p, k)


def compare_folds(first: Floats, second: Floats, test_share: float) -> FoldsMean:
    """The difference, second - first, of two recipes on the same folds; both of shape (K,).

    The test is the corrected resampled t-test. A fold where one of the two is undefined is left out.
    """
    return folds_mean(second - first, test_share)
