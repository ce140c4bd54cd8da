"""The mean over the folds of a cross-validation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats


@dataclass(frozen=True)
class FoldsMean:
    """The mean of a figure over folds, and its interval."""

    mean: float
    """NaN without a fold where the figure is defined."""

    low: float
    high: float


def folds_mean(values: Floats, test_to_train: float) -> FoldsMean:
    """The mean of the figures of K folds, shape (K,), and its 95 % interval.

    `test_to_train` is the number of rows on which a fold is tested for each row of its training:
    1 / (K - 1) in K-fold cross-validation without validation. The folds share rows of training, so
    their variance s^2 is not divided by K but multiplied by 1 / K + test / train, with K - 1 degrees
    of freedom: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52
    (2003).

    A fold where the figure is undefined, NaN, is left out, and K is smaller. The interval is NaN for
    fewer than two folds, and for folds that are all equal, which say nothing of their variance.
    """
    from scipy.special import stdtrit

    defined = values[~np.isnan(values)]
    k = len(defined)
    mean = float(defined.mean()) if k else math.nan
    if k < 2 or (defined == defined[0]).all():
        return FoldsMean(mean, math.nan, math.nan)
    error = math.sqrt((1 / k + test_to_train) * float(defined.var(ddof=1)))
    reach = float(stdtrit(k - 1, 0.975)) * error
    return FoldsMean(mean, mean - reach, mean + reach)
