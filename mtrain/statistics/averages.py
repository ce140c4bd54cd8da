"""F1 and macro averages as shares of an effective number of rows.

What is known of a share of n rows then holds of them: its interval, its exact bounds, its tests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.binomial import Z_95, wilson
from mtrain.statistics.influence import influence
from mtrain.statistics.sums import dot

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mtrain.records.arrays import Counts, Floats, Ints
    from mtrain.statistics.clusters import Clusters


@dataclass(frozen=True)
class EffectiveShare:
    """A figure, and the number of independent rows whose share would vary as it does."""

    value: float
    """In [0, 1]; NaN if it is undefined."""

    trials: float

    @property
    def hits(self) -> float:
        """How many of them were right; not an integer."""
        return self.value * self.trials

    def interval(self, z: float | Floats = Z_95) -> Floats:
        """Wilson's interval, 95 % or of another quantile `z`; shape (2,)."""
        return wilson(self.hits, self.trials, z)


def f1_of_share(share: Floats) -> Floats:
    """F1 = 2J / (1 + J) for J = tp / (tp + fp + fn), which is a share of rows.

    Hand, Christen and Kirielle, "F*: an interpretable transformation of the F-measure", Machine
    Learning 110 (2021).
    """
    return 2 * share / (1 + share)


def share_of_f1(f1: float) -> float:
    """J = F1 / (2 - F1): `f1_of_share` the other way."""
    return f1 / (2 - f1)


def f1_interval(tp: ArrayLike, wrong: ArrayLike, z: float | Floats = Z_95) -> Floats:
    """95 % interval of F1: low and high, shape (..., 2), in [0, 1]; `wrong` is fp + fn.

    Wilson's interval of J, transformed. NaN for a class neither present nor predicted.
    """
    return f1_of_share(wilson(tp, np.add(tp, wrong), z))


def macro_share(confusion: Ints, figure: str, clusters: Clusters | None = None) -> EffectiveShare:
    """The macro average of `precision`, `recall` or `f1` over the classes where it is defined.

    `confusion` has rows of true class i predicted as j, shape (K, K). The variance V of the average
    is that of the delta method with the covariances of all its cells, and the effective number of
    rows is m (1 - m) / V (Korn and Graubard, "Confidence intervals for proportions with small
    expected number of positive counts", Survey Methodology 24, 1998). As the average m tends to 0
    or 1, where V says nothing, the number tends to that of equal shares in all classes. The bias of
    F1, which matters in the mean over many small classes, is taken off. The variance is that between
    groups if the rows are `clusters`.
    """
    right = confusion.diagonal()
    wrongly, missed = confusion.sum(axis=0) - right, confusion.sum(axis=1) - right
    of_class = influence(figure, right, wrongly, missed)
    if clusters is None:
        cells = np.nonzero(confusion)
        variance = float(dot(confusion[cells], of_class.on_mean(*cells) ** 2))
        return effective_share(of_class.value - of_class.bias, of_class.trials, variance)
    of_rows = {
        "precision": right + wrongly,
        "recall": right + missed,
        "f1": right + wrongly + missed,
    }[figure]
    effective = getattr(clusters, figure) / np.maximum(of_rows, 1)
    variance = clusters.variance(figure, of_class)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = of_class.value - of_class.bias / effective
    share = effective_share(value, of_class.trials * effective, variance)
    return replace(share, trials=clusters.allowing_for_degrees(share.trials))


def effective_share(values: Floats, trials: Counts, variance: float) -> EffectiveShare:
    """The mean of shares, each of `trials`, both of shape (K,), as one share with this variance.

    NaN, an undefined share, is left out; without any other the mean is NaN, of 0 trials.
    """
    defined = ~np.isnan(values)
    if not defined.any():
        return EffectiveShare(float("nan"), 0.0)
    mean = min(max(float(values[defined].mean()), 0.0), 1.0)
    if_equal = int(defined.sum()) ** 2 / float((1 / trials[defined]).sum())
    # One row's worth of what equal shares would give keeps the ratio defined.
    rows = (mean * (1 - mean) + 1 / if_equal) / (variance + 1 / if_equal**2)
    return EffectiveShare(mean, rows)
