"""F1, accuracy and macro averages of a confusion matrix, as shares of an effective number of rows.

What is known of a share of n rows then holds of them: its interval, its exact bounds, its tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.binomial import Z_95, wilson

if TYPE_CHECKING:
    from mtrain.records.arrays import Counts, Floats, Ints

MACRO = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class EffectiveShare:
    """A figure, and the number of independent rows whose share would vary as it does."""

    value: float
    """In [0, 1]; NaN if it is undefined."""

    trials: float

    @property
    def hits(self) -> float:
        """How many of them were right; not an integer."""
        return self.value * self.trials

    def interval(self, z: float = Z_95) -> Floats:
        """Wilson's interval, 95 % or of another quantile `z`; shape (2,)."""
        return wilson(np.float64(self.hits), np.float64(self.trials), z)


def f1_of_share(share: Floats) -> Floats:
    """F1 = 2J / (1 + J) for J = tp / (tp + fp + fn), which is a share of rows.

    Hand, Christen and Kirielle, "F*: an interpretable transformation of the F-measure", Machine
    Learning 110 (2021).
    """
    return 2 * share / (1 + share)


def share_of_f1(f1: float) -> float:
    """J = F1 / (2 - F1): `f1_of_share` the other way."""
    return f1 / (2 - f1)


def f1_interval(tp: Counts, wrong: Counts, z: float = Z_95) -> Floats:
    """95 % interval of F1: low and high, shape (K, 2), in [0, 1]; `wrong` is fp + fn.

    Wilson's interval of J, transformed. NaN for a class neither present nor predicted.
    """
    return f1_of_share(wilson(tp, tp + wrong, z))


def macro_share(confusion: Ints, figure: str) -> EffectiveShare:
    """The macro average of `precision`, `recall` or `f1` over the classes where it is defined.

    Its variance is that of the delta method with the covariances of all cells of the matrix, shape
    (K, K), a multinomial: V = sum p g^2 / n, with the gradient g of the average by the shares p of
    the cells, whose mean is 0. The effective number of rows is m (1 - m) / V (Korn and Graubard,
    "Confidence intervals for proportions with small expected number of positive counts", Survey
    Methodology 24, 1998). It tends to that of equal shares in all classes as the average m tends
    to 0 or 1, where V says nothing.
    """
    gradient, values, whole = _gradient(confusion, figure)
    defined = whole > 0
    n_defined = int(defined.sum())
    if not n_defined:
        return EffectiveShare(float("nan"), 0.0)
    mean = float(values[defined].mean())
    # n g, for each row of a cell: its share of the average beyond the mean.
    variance = float((confusion * gradient**2).sum()) / n_defined**2
    least = n_defined**2 / float((1 / whole[defined]).sum())
    prior = 1 / least
    trials = (mean * (1 - mean) + prior) / (variance + prior / least)
    return EffectiveShare(mean, trials)


def _gradient(confusion: Ints, figure: str) -> tuple[Floats, Floats, Floats]:
    """What one row more in a cell adds to the sum over classes, each class's value, and its rows.

    Of shapes (K, K), (K,) and (K,).
    """
    right = confusion.diagonal().astype(np.float64)
    true, called = confusion.sum(axis=1) * 1.0, confusion.sum(axis=0) * 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        if figure == "recall":
            whole, values = true, right / true
            per_true, per_called, per_hit = values / true, 0 * called, 1 / true
        elif figure == "precision":
            whole, values = called, right / called
            per_true, per_called, per_hit = 0 * true, values / called, 1 / called
        else:
            whole, values = (true + called) / 2, 2 * right / (true + called)
            per_true = per_called = values / (true + called)
            per_hit = 2 / (true + called)
    per_true, per_called, per_hit = (
        np.nan_to_num(one, posinf=0.0) for one in (per_true, per_called, per_hit)
    )
    gradient = -per_true[:, None] - per_called[None, :] + np.diag(per_hit)
    return gradient, values, whole
