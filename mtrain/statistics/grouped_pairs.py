"""Two classifiers on the same rows, which belong together in groups: groups are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.averages import effective_share, f1_interval
from mtrain.statistics.binomial import wilson
from mtrain.statistics.clusters import Clusters, as_effective, unbiased
from mtrain.statistics.differences import (
    Differences,
    correlation,
    one_row_more,
    square_and_add,
)
from mtrain.statistics.influence import influence
from mtrain.statistics.sums import dot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Counts, Floats, Ints
    from mtrain.statistics.influence import Influence
    from mtrain.statistics.pairs import Pairs


FEWEST = 13
"""The fewest groups that differ for which a sum over them is taken for normal."""


@dataclass(frozen=True, eq=False)
class _ByGroup:
    """Rows of each class in each group, where there are some; all of shape (Q,)."""

    k: Ints
    """The class."""

    group: Ints
    true: Floats
    """Rows of the class."""

    tp: tuple[Floats, Floats]
    """Of these, how many the first and the second find."""

    called: tuple[Floats, Floats]
    """How many rows the first and the second predict as the class."""

    def added(self, which: int, of: Influence) -> Floats:
        """What the rows add to a figure of the first (0) or the second (1)."""
        tp, called = self.tp[which], self.called[which]
        k = self.k
        return of.hit[k] * tp + of.false_alarm[k] * (called - tp) + of.miss[k] * (self.true - tp)

    def differs(self, figure: str) -> NDArray[np.bool_]:
        """Whether the two differ in what counts for the figure."""
        found: NDArray[np.bool_] = self.tp[0] != self.tp[1]
        return found if figure == "recall" else found | (self.called[0] != self.called[1])

    def counts_for(self, figure: str) -> NDArray[np.bool_]:
        """Whether the figure is of any of the rows."""
        called = self.called[0] + self.called[1] > 0
        return {"recall": self.true > 0, "precision": called}.get(figure, called | (self.true > 0))


def class_differences(pairs: Pairs, figure: str) -> Differences:
    """Compare `recall`, `precision` or `f1` of each class; shape (K,).

    The variance is that of the sums of the influences of a group's rows; the test Student's, with as
    many degrees of freedom as groups differ, less one. Where fewer than 13 do, it is the exact test of
    all swaps of the two classifiers' predictions for whole groups.
    """
    by, n_classes = _by_group(pairs), pairs.n_classes
    a, b = influence(figure, *pairs.cells.first()), influence(figure, *pairs.cells.second())

    def total(values: Floats | NDArray[np.bool_]) -> Floats:
        return np.bincount(by.k, values, n_classes).astype(np.float64)

    n_groups, n_differing = total(by.counts_for(figure)), total(by.differs(figure))
    of_a, of_b = (by.added(i, of.times(unbiased(n_groups))) for i, of in enumerate((a, b)))
    # As if one group more differed: like those that do, or by a single row.
    alike = total((of_b - of_a) ** 2) / np.maximum(n_differing, 1)
    more = np.maximum(alike, one_row_more(a, b))
    covariance, *variances = (total(x * y) for x, y in ((of_a, of_b), (of_a, of_a), (of_b, of_b)))
    difference = b.value - a.value
    variance = total((of_b - of_a) ** 2) + more
    p = _two_sided(difference, variance, n_differing - 1)
    for k in np.flatnonzero((n_differing < FEWEST) & (n_differing > 0)):
        p[k] = _p_of_swaps(by, int(k), figure, float(difference[k]))
    undefined = np.isnan(a.value) | np.isnan(b.value)
    together = correlation(covariance, variances[0], variances[1], more)
    rows = [
        as_effective(*_share(figure, *counts), getattr(clusters, figure))
        for counts, clusters in zip(
            (pairs.cells.first(), pairs.cells.second()), _clusters(pairs), strict=True
        )
    ]

    def bounds(z: float | Floats) -> Floats:
        first, second = (_interval(figure, *each, z) for each in rows)
        return square_and_add(a.value, first, b.value, second, together)

    return Differences(a.value, b.value, np.where(undefined, np.nan, p), bounds)


def accuracy_difference(pairs: Pairs) -> Differences:
    """Compare the shares of all rows that are predicted rightly; shape ()."""
    of_one = replace(
        pairs,
        truth=np.zeros_like(pairs.truth),
        first=(pairs.first != pairs.truth).astype(np.int64),
        second=(pairs.second != pairs.truth).astype(np.int64),
        n_classes=2,
    )
    all_rows = class_differences(of_one, "recall")
    return Differences(
        all_rows.first[0], all_rows.second[0], all_rows.p[0], lambda z: all_rows.bounds(z)[0]
    )


def macro_difference(pairs: Pairs, figure: str) -> Differences:
    """Compare the macro averages of `recall`, `precision` or `f1`; shape ().

    Each is over the classes where it is defined, and not compared without a precision of a class with
    rows. Tests and variances are those of `class_differences`.
    """
    by, cells = _by_group(pairs), pairs.cells
    a, b = influence(figure, *cells.first()), influence(figure, *cells.second())
    both = _clusters(pairs)
    factor = unbiased(np.bincount(by.k, by.counts_for(figure), pairs.n_classes))
    sums = [
        np.bincount(by.group, by.added(i, of.times(factor)), both[0].n_groups) / of.n_defined
        for i, of in enumerate((a, b))
    ]
    covariance, *variances = (
        float(dot(x, y)) for x, y in ((sums[0], sums[1]), (sums[0], sums[0]), (sums[1], sums[1]))
    )
    shares = []
    for of, clusters, counts, own in zip(
        (a, b), both, (cells.first(), cells.second()), variances, strict=True
    ):
        _, trials = _share(figure, *counts)
        left = getattr(clusters, figure) / np.maximum(trials, 1)
        share = effective_share(of.value, of.trials * left, own)
        shares.append(replace(share, trials=clusters.allowing_for_degrees(share.trials)))
    first, second = (np.array(share.value) for share in shares)
    present = cells.d11 + cells.d10 + cells.d01 + cells.d00 > 0
    if (np.isnan(a.value) | np.isnan(b.value))[present].any():
        return Differences(first, second, np.array(np.nan), lambda _: np.full(2, np.nan))
    differing = np.unique(by.group[by.differs(figure)])
    squares = float(np.square(sums[1] - sums[0]).sum())
    of_one_row = float(one_row_more(a, b).max()) / min(a.n_defined, b.n_defined) ** 2
    more = max(squares / max(len(differing), 1), of_one_row)
    if len(differing) < FEWEST:
        p = _macro_p_of_swaps(by, differing, figure, pairs.n_classes)
    else:
        variance = np.array(squares + more)
        p = _two_sided(second - first, variance, np.array(len(differing) - 1.0))
    together = correlation(
        np.array(covariance), np.array(variances[0]), np.array(variances[1]), np.array(more)
    )

    def bounds(z: float | Floats) -> Floats:
        return square_and_add(first, shares[0].interval(z), second, shares[1].interval(z), together)

    return Differences(first, second, p, bounds)


def _by_group(pairs: Pairs) -> _ByGroup:
    groups = np.zeros_like(pairs.n) if pairs.groups is None else pairs.groups
    n_groups = int(groups.max()) + 1
    each = [classes * n_groups + groups for classes in (pairs.truth, pairs.first, pairs.second)]
    keys, places = np.unique(np.concatenate(each), return_inverse=True)
    true, first, second = np.split(places, 3)

    def total(at: Ints, rows: Ints) -> Floats:
        return np.bincount(at, rows, len(keys)).astype(np.float64)

    k, group = np.divmod(keys, n_groups)
    return _ByGroup(
        k,
        group,
        total(true, pairs.n),
        (
            total(true, np.where(pairs.first == pairs.truth, pairs.n, 0)),
            total(true, np.where(pairs.second == pairs.truth, pairs.n, 0)),
        ),
        (total(first, pairs.n), total(second, pairs.n)),
    )


def _clusters(pairs: Pairs) -> tuple[Clusters, Clusters]:
    """The rows by group as the first predicts them, and as the second does."""
    groups = np.zeros_like(pairs.n) if pairs.groups is None else pairs.groups
    first, second = (
        Clusters(groups, pairs.truth, predicted, pairs.n, pairs.n_classes)
        for predicted in (pairs.first, pairs.second)
    )
    return first, second


def _share(figure: str, tp: Ints, fp: Ints, fn: Ints) -> tuple[Ints, Ints]:
    """Hits, and the rows of which they are a share; of F1 those of J."""
    return tp, {"recall": tp + fn, "precision": tp + fp, "f1": tp + fp + fn}[figure]


def _interval(figure: str, hits: Counts, trials: Counts, z: float | Floats) -> Floats:
    return f1_interval(hits, trials - hits, z) if figure == "f1" else wilson(hits, trials, z)


def _two_sided(difference: Floats, variance: Floats, degrees: Floats) -> Floats:
    """The p-value of a difference by Student's distribution; 1 of none."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(difference) / np.sqrt(variance)
    p: Floats = np.where(difference == 0, 1.0, 2 * stdtr(np.maximum(degrees, 1), -distance))
    return p


def _swaps(groups: int) -> Floats:
    """All ways to swap so many groups or not, of shape (2 ** groups, groups)."""
    numbers = np.arange(2**groups)[:, np.newaxis]
    return (numbers >> np.arange(groups) & 1).astype(np.float64)


def _p_of_swaps(by: _ByGroup, k: int, figure: str, difference: float) -> float:
    """How often a figure of class `k` differs at least as much where whole groups are swapped."""
    own = by.k == k
    true = by.true[own].sum()
    differing = own & by.differs(figure)
    swaps = _swaps(int(np.count_nonzero(differing)))
    values = []
    for which in (0, 1):
        tp, called = (
            each[which][own].sum() + swaps @ (each[1 - which] - each[which])[differing]
            for each in (by.tp, by.called)
        )
        values.append(_figure(figure, tp, called, true))
    # A difference that is undefined is not smaller.
    smaller = np.abs(values[1] - values[0]) < abs(difference) - 1e-12
    return float(1 - smaller.mean())


def _macro_p_of_swaps(by: _ByGroup, differing: Ints, figure: str, n_classes: int) -> Floats:
    """The same of a macro average."""
    swaps = _swaps(len(differing))
    place = np.searchsorted(differing, by.group).clip(max=max(len(differing) - 1, 0))
    is_among = np.isin(by.group, differing)

    def by_class(values: Floats) -> Floats:
        return np.bincount(by.k, values, n_classes).astype(np.float64)

    def moved(values: Floats) -> Floats:
        table = np.zeros((len(differing), n_classes))
        table[place[is_among], by.k[is_among]] = values[is_among]
        return swaps @ table

    true = by_class(by.true)
    means = []
    for which in (0, 1):
        tp, called = (
            by_class(each[which]) + moved(each[1 - which] - each[which])
            for each in (by.tp, by.called)
        )
        defined = _figure(figure, tp, called, true)
        n = np.maximum((~np.isnan(defined)).sum(axis=1), 1)
        means.append(np.nansum(defined, axis=1) / n)
    after = np.abs(means[1] - means[0])
    return np.array((after >= after[0] - 1e-12).mean())


def _figure(figure: str, tp: Floats, called: Floats, true: Floats) -> Floats:
    trials = {"recall": true + 0 * called, "precision": called, "f1": (true + called) / 2}[figure]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(trials > 0, tp / trials, np.nan)
