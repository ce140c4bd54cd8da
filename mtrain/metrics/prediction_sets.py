"""Prediction sets: the classes that a row may have, of which its own is one with a chosen probability.

Split conformal prediction by class: Vovk, "Conditional validity of inductive conformal predictors", ACML
2012; Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA
114 (2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints
    from mtrain.records.training import Predictions

SURE = 0.05
"""The share of validation splits of the same size that promise too much."""


@dataclass(frozen=True, eq=False)
class SetRule:
    """The probability from which a class is in the set; of K classes, each of shape (K,)."""

    level: float
    """What was asked for, in [0.5, 1)."""

    thresholds: NDArray[np.float32]
    """The lowest probability with which the class is in a set."""

    rows: Ints
    """Validation rows of each class, that chose its threshold."""

    left_out: Ints
    """The most of them whose set lacks their class; fewer, where probabilities are equal."""

    has_groups: bool
    """Whether rows come in groups, for which they count as fewer."""

    def sets(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which classes are in the set of each row, (N, K); there may be none."""
        return probabilities >= self.thresholds

    def surely(self) -> NDArray[np.float64]:
        """The share of a class's new rows with their class in the set, reached in 95 % of validations.

        It varies with the validation rows, as Beta(n + 1 - k, k) where k - 1 of n are left out; on
        average it is the level that was asked for, or more.
        """
        from scipy.special import betaincinv

        of_class = self.left_out + 1
        share: NDArray[np.float64] = betaincinv(self.rows + 1 - of_class, of_class, SURE)
        return share


def fewest_rows(level: float) -> int:
    """The fewest rows of a class with which its sets can have this level, in [0.5, 1)."""
    return int(np.ceil(round(1 / (1 - level), 9))) - 1


def choose_sets(predictions: Predictions, level: float) -> SetRule:
    """The rule by which `level` of each class's rows have it in their set.

    By validation rows, `fewest_rows` of each class or more: with n of them the threshold is the k-th
    lowest probability that they have for their class, k the integer part of (n + 1)(1 - level). A new row
    is as likely to be below it as k in n + 1.
    """
    labels, probabilities = predictions.labels, predictions.probabilities
    n_classes = probabilities.shape[1]
    rows = np.bincount(labels, minlength=n_classes)
    below = np.floor(np.round((rows + 1) * (1 - level), 9)).astype(np.int64)
    thresholds = np.array(
        [
            np.partition(probabilities[labels == k, k], below[k] - 1)[below[k] - 1]
            for k in range(n_classes)
        ]
    )
    return SetRule(level, thresholds, rows, below - 1, predictions.groups is not None)
