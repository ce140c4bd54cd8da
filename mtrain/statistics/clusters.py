"""Rows that come in groups: how many independent rows vary as they do.

The variance of a ratio is that between groups, by linearisation (Taylor), and its design effect turns
rows into an effective number of rows: E. L. Korn and B. I. Graubard, "Confidence intervals for
proportions with small expected number of positive counts", Survey Methodology 24 (1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.binomial import Z_95
from mtrain.statistics.sums import dot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Counts, Floats, Ints
    from mtrain.statistics.influence import Influence


@dataclass(frozen=True, eq=False)
class Clusters:
    """Rows of each combination of a group, a true class and a prediction that occurs; of shape (M,)."""

    group: Ints
    """Counted from 0."""

    truth: Ints
    predicted: Ints
    n: Ints
    n_classes: int

    @cached_property
    def n_groups(self) -> int:
        """All groups, at least 1."""
        return int(self.group.max()) + 1

    @cached_property
    def recall(self) -> Floats:
        """The effective number of rows of each class; shape (K,)."""
        return self._effective(self.truth, self.group, self.n, self._is_right)

    @cached_property
    def precision(self) -> Floats:
        """The effective number of rows predicted as each class; shape (K,)."""
        return self._effective(self.predicted, self.group, self.n, self._is_right)

    @cached_property
    def f1(self) -> Floats:
        """The effective number of rows of each class or predicted as it; shape (K,)."""
        wrong = ~self._is_right
        return self._effective(
            np.concatenate([self.truth, self.predicted[wrong]]),
            np.concatenate([self.group, self.group[wrong]]),
            np.concatenate([self.n, self.n[wrong]]),
            np.concatenate([self._is_right, np.zeros(np.count_nonzero(wrong), bool)]),
        )

    @cached_property
    def accuracy(self) -> float:
        """The effective number of all rows."""
        of_one = np.zeros_like(self.truth)
        return float(self._effective(of_one, self.group, self.n, self._is_right)[0])

    @cached_property
    def by_chance(self) -> Floats:
        """The share of the rows that are effective for hits of each class by chance; shape (K,).

        If predictions are independent of the class, the excess of hits over chance varies between
        groups as the sums of the products of two deviations from the mean: of being the class, and of
        being called it.
        """
        if self.n_groups == 1:
            return np.zeros(self.n_classes)
        rows = int(self.n.sum())
        true, called = (
            np.bincount(each, self.n, self.n_classes) / rows
            for each in (self.truth, self.predicted)
        )
        right = self._is_right
        keys, excess = _sums(
            np.concatenate([self.truth, self.predicted, self.truth[right]]),
            np.concatenate([self.group, self.group, self.group[right]]),
            self.n_groups,
            np.concatenate(
                [-self.n * called[self.truth], -self.n * true[self.predicted], 1.0 * self.n[right]]
            ),
        )
        k, group = np.divmod(keys, self.n_groups)
        # Each row of a group also adds the product of the means, in all groups.
        each, sizes = true * called, self._sizes
        squares = each**2 * dot(sizes, sizes)
        squares += np.bincount(k, excess**2 + 2 * excess * each[k] * sizes[group], self.n_classes)
        with np.errstate(divide="ignore", invalid="ignore"):
            independent = rows * each * (1 - true) * (1 - called)
            share = np.fmin(independent / (squares * unbiased(self.n_groups) ** 2), 1.0)
        degrees = np.minimum(self._groups_with(self.truth), self._groups_with(self.predicted))
        share = np.where(independent > 0, share, 0.0)
        least = np.minimum(share, self._if_alike / rows)
        return np.maximum(share * _for_degrees(degrees, self.n_groups), least)

    def variance(self, figure: str, of: Influence) -> float:
        """The variance of the mean of a figure over the classes, from what rows add to it.

        Infinite of one group, of which nothing says how it varies.
        """
        if self.n_groups == 1:
            return math.inf
        both = (self.truth, self.predicted)
        counted = {"recall": both[:1], "precision": both[1:], "f1": both}[figure]
        influence = of.times(unbiased(self._groups_with(*counted))).on_mean(
            self.truth, self.predicted
        )
        sums = np.bincount(self.group, self.n * influence)
        return float(dot(sums, sums))

    def allowing_for_degrees(self, rows: float) -> float:
        """Effective rows, of which there are fewer as their number is uncertain with few groups."""
        fewer = rows * float(_for_degrees(self.n_groups - 1, self.n_groups))
        return max(fewer, min(rows, self._if_alike))

    @cached_property
    def _sizes(self) -> Floats:
        """Rows of each group, shape (G,)."""
        return np.bincount(self.group, self.n).astype(np.float64)

    @property
    def _if_alike(self) -> float:
        """The effective number of rows if those of a group were all alike."""
        return float(self._sizes.sum() ** 2 / dot(self._sizes, self._sizes))

    def _groups_with(self, *classes: Ints) -> Ints:
        """Groups that have a row of each class, by one of the arrays of classes; shape (K,)."""
        keys = np.unique([each * self.n_groups + self.group for each in classes])
        return np.bincount(keys // self.n_groups, minlength=self.n_classes)

    @cached_property
    def _is_right(self) -> NDArray[np.bool_]:
        right: NDArray[np.bool_] = self.truth == self.predicted
        return right

    def _effective(
        self, classes: Ints, groups: Ints, rows: Ints, is_hit: NDArray[np.bool_]
    ) -> Floats:
        return effective_rows(classes, groups, is_hit, self.n_classes, rows)


def cluster(truth: Ints, predicted: Ints, groups: Ints, n_classes: int) -> Clusters:
    """Count rows by group, true class and prediction; the arguments have shape (N,)."""
    number = np.unique(groups, return_inverse=True)[1]
    keys, n = np.unique((number * n_classes + truth) * n_classes + predicted, return_counts=True)
    rest, predicted = np.divmod(keys, n_classes)
    group, truth = np.divmod(rest, n_classes)
    return Clusters(group, truth, predicted, n, n_classes)


def effective_rows(
    classes: Ints,
    groups: Ints,
    is_hit: NDArray[np.bool_],
    n_classes: int,
    rows: Ints | None = None,
) -> Floats:
    """The effective number of rows whose share of hits varies as that of each class does; shape (K,).

    All others have shape (M,); `rows` is how many there are of each, None: one. Of a share of 0 or 1 it
    is the number of groups. The variance rests on the groups with a hit, or on those with a miss,
    whichever are fewer: Student's quantile for so many degrees of freedom allows for few of them. There
    are never more than the rows, and at least as many as there would be if the rows of a group were all
    alike.
    """
    all_groups = int(groups.max()) + 1
    rows = np.ones(len(classes), np.int64) if rows is None else rows
    keys, n = _sums(classes, groups, all_groups, rows)
    _, hits = _sums(classes, groups, all_groups, np.where(is_hit, rows, 0))
    k = keys // all_groups

    def total(each: Floats | NDArray[np.bool_]) -> Floats:
        return np.bincount(k, each, n_classes).astype(np.float64)

    trials, n_groups = total(n), np.bincount(k, minlength=n_classes)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = total(hits) / trials
        squares = total((hits - share[k] * n) ** 2) * unbiased(n_groups) ** 2
        effective = np.minimum(share * (1 - share) * trials**2 / squares, trials)
        if_alike = trials**2 / total(n**2)
    degrees = np.minimum(total(hits > 0), total(hits < n))
    effective = np.maximum(
        effective * _for_degrees(degrees, n_groups), np.minimum(effective, if_alike)
    )
    effective = np.where((share == 0) | (share == 1), n_groups, effective)
    return np.where(trials > 0, np.where(n_groups == 1, 1.0, effective), 0.0)


def as_effective(hits: Counts, trials: Counts, effective: Floats | None) -> tuple[Counts, Counts]:
    """Hits and trials with the same share, of so many `effective` trials; None: as they are."""
    if effective is None:
        return hits, trials
    with np.errstate(invalid="ignore"):
        return np.where(trials > 0, hits / trials, 0.0) * effective, effective


def _sums(classes: Ints, groups: Ints, n_groups: int, values: Counts) -> tuple[Ints, Floats]:
    """The keys of class and group that occur, class by class, and the sum of each key's values."""
    keys, places = np.unique(classes * n_groups + groups, return_inverse=True)
    return keys, np.bincount(places, values, len(keys)).astype(np.float64)


def unbiased(n_groups: Counts | int) -> Floats:
    """The square root of G / (G - 1), by which the deviations of G groups from their mean are larger.

    As if one group were two halves: it says nothing of another.
    """
    factor: Floats = np.sqrt(n_groups / np.maximum(np.subtract(n_groups, 1.0), 0.5))
    return factor


def _for_degrees(degrees: Ints | Floats | int, n_groups: Ints | int) -> Floats:
    """The square of the normal quantile divided by Student's, for 1 to G - 1 degrees of freedom."""
    from scipy.special import stdtrit

    allowed = np.clip(degrees, 1, np.maximum(n_groups - 1, 1))
    ratio: Floats = (Z_95 / stdtrit(allowed, 0.975)) ** 2
    return ratio
