"""What one row adds to a figure of a class: the terms of its delta method.

The first-order influence of a row on a ratio: F. R. Hampel, "The influence curve and its role in
robust estimation", Journal of the American Statistical Association 69 (1974). Their sum over all
rows is 0; the sum of their squares is the variance of the figure, with all covariances of the
confusion matrix, as a multinomial has them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Counts, Floats

FIGURES = ("precision", "recall", "f1")


@dataclass(frozen=True, eq=False)
class Influence:
    """A figure of every class, and what one row more of each kind adds to it; of shape (K,).

    The influences are 0 where the figure is undefined.
    """

    value: Floats
    """The figure, in [0, 1]; NaN where it is undefined."""

    trials: Floats
    """The rows that it is a share of; for F1, the mean of the rows true and predicted."""

    hit: Floats
    """What a row of the class adds that is predicted as it."""

    miss: Floats
    """What a row of the class adds that is predicted as another."""

    false_alarm: Floats
    """What a row of another class adds that is predicted as this one."""

    bias: Floats
    """How far the value is off on average, to second order: 0 for recall and precision, which are
    shares of rows, and below 0 for F1."""

    @property
    def n_defined(self) -> int:
        """Classes where the figure is defined; at least 1."""
        return max(int(np.count_nonzero(~np.isnan(self.value))), 1)

    def times(self, factor: Floats) -> Influence:
        """The same, with the influences on each class multiplied by a factor; shape (K,)."""
        parts = {name: getattr(self, name) * factor for name in ("hit", "miss", "false_alarm")}
        return replace(self, **parts)

    def variance(self, tp: Counts, fp: Counts, fn: Counts) -> Floats:
        """The variance of each class's value; shape (K,)."""
        return tp * self.hit**2 + fp * self.false_alarm**2 + fn * self.miss**2

    def on_mean(self, true: NDArray[np.int64], predicted: NDArray[np.int64]) -> Floats:
        """What rows of classes `true`, predicted as `predicted`, add to the mean over the classes.

        Both of shape (M,); classes where the figure is undefined are left out.
        """
        wrong = self.miss[true] + self.false_alarm[predicted]
        return np.where(true == predicted, self.hit[true], wrong) / self.n_defined


def influence(figure: str, tp: Counts, fp: Counts, fn: Counts) -> Influence:
    """The influences on `precision`, `recall` or `f1`, from counts of shape (K,)."""
    zero = bias = np.zeros(len(tp))
    with np.errstate(divide="ignore", invalid="ignore"):
        if figure == "recall":
            trials = tp + fn + zero
            value = tp / trials
            parts = (1 - value) / trials, -value / trials, zero
        elif figure == "precision":
            trials = tp + fp + zero
            value = tp / trials
            parts = (1 - value) / trials, zero, -value / trials
        else:
            trials = (2 * tp + fp + fn) / 2
            value = tp / trials
            parts = (1 - value) / trials, -value / (2 * trials), -value / (2 * trials)
            # The delta method's second order for a ratio x / y (Cochran, "Sampling techniques", 1977,
            # 6.8): (x var(y) / y - cov(x, y)) / y^2, with x = 2tp and y = 2 trials.
            bias = (value * (2 * trials + 2 * tp) - 4 * tp) / (2 * trials) ** 2
    hit, miss, false_alarm = (np.where(trials > 0, part, 0.0) for part in parts)
    return Influence(value, trials, hit, miss, false_alarm, bias)
