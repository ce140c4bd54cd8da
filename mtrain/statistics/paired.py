"""Two classifiers on the same rows: how their figures differ, and whether that could be chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.averages import effective_share, f1_interval
from mtrain.statistics.binomial import wilson
from mtrain.statistics.influence import Influence, influence
from mtrain.statistics.pairs import Cells, Pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.records.arrays import Floats, Ints

FEWEST = 10
"""Rows that differ from which on a sum over them is taken for normal."""


@dataclass(frozen=True, eq=False)
class Differences:
    """A figure of two classifiers, of each class or of all; arrays of one shape."""

    first: Floats
    second: Floats
    p: Floats
    """Two-sided, of no difference; NaN where one of the two is undefined."""

    bounds: Callable[[float | Floats], Floats]
    """The interval of the difference for a quantile of the normal distribution, or for one of each;
    shape (..., 2)."""

    @property
    def difference(self) -> Floats:
        """Second - first."""
        return self.second - self.first


def class_differences(pairs: Pairs, figure: str) -> Differences:
    """Of `recall`, `precision` or `f1`, for each class; shape (K,)."""
    cells = pairs.cells
    a, b = influence(figure, *cells.first()), influence(figure, *cells.second())
    if figure == "recall":
        return _shares(cells.d11, cells.d10, cells.d01, cells.d00)
    undefined = np.isnan(a.value) | np.isnan(b.value)
    p = _precision_p(cells) if figure == "precision" else _f1_p(cells, a, b)
    correlation = _correlation(
        cells.covariance(a, b), a.variance(*cells.first()), b.variance(*cells.second())
    )

    def bounds(z: float | Floats) -> Floats:
        return _square_and_add(
            a.value,
            _interval(figure, *cells.first(), z),
            b.value,
            _interval(figure, *cells.second(), z),
            correlation,
        )

    return Differences(a.value, b.value, np.where(undefined, np.nan, p), bounds)


def accuracy_difference(pairs: Pairs) -> Differences:
    """Of the shares of all rows that are predicted rightly; of shape ()."""
    return _shares(*(np.array(rows) for rows in pairs.right()))


def macro_difference(pairs: Pairs, figure: str) -> Differences:
    """Of the macro averages of `recall`, `precision` or `f1`; of shape ().

    Each over the classes where it is defined.
    """
    cells, n = pairs.cells, pairs.n
    a, b = influence(figure, *cells.first()), influence(figure, *cells.second())
    of_a, of_b = a.on_mean(pairs.truth, pairs.first), b.on_mean(pairs.truth, pairs.second)
    shares = (
        effective_share(a.value, a.trials, float(n @ of_a**2)),
        effective_share(b.value, b.trials, float(n @ of_b**2)),
    )
    first, second = (np.array(share.value) for share in shares)
    difference = second - first
    differs = pairs.first != pairs.second
    if n[differs].sum() < FEWEST:
        p = _macro_p_of_swaps(pairs, figure, float(abs(difference)))
    else:
        p = _two_sided(difference, n @ (of_b - of_a) ** 2)
    correlation = _correlation(n @ (of_a * of_b), n @ of_a**2, n @ of_b**2)

    def bounds(z: float | Floats) -> Floats:
        return _square_and_add(
            first, shares[0].interval(z), second, shares[1].interval(z), correlation
        )

    return Differences(first, second, p, bounds)


def mcnemar_mid_p(first_only: Ints, second_only: Ints) -> Floats:
    """Two-sided mid-p-value of rows that only one of two predicts rightly.

    Fagerland, Lydersen and Laake, "The McNemar test for binary matched-pairs data: mid-p and
    asymptotic are better than exact conditional", BMC Medical Research Methodology 13 (2013).
    """
    from scipy.special import bdtr, gammaln

    n, k = first_only + second_only, np.minimum(first_only, second_only)
    log_pmf = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1) - n * np.log(2)
    p: Floats = np.minimum(2 * bdtr(k * 1.0, n, 0.5) - np.exp(log_pmf), 1)
    return p


def _shares(both: Ints, first_only: Ints, second_only: Ints, neither: Ints) -> Differences:
    """Two shares of the same rows: McNemar's test, and Newcombe's interval.

    R. G. Newcombe, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", Statistics in Medicine 17 (1998), method 10.
    """
    n = both + first_only + second_only + neither
    first, second = both + first_only, both + second_only
    excess = both * 1.0 * neither - first_only * 1.0 * second_only
    excess = np.where(excess > 0, np.maximum(excess - n / 2, 0), excess)
    spread = np.sqrt(1.0 * first * (n - first)) * np.sqrt(1.0 * second * (n - second))
    with np.errstate(invalid="ignore"):
        correlation = np.where(spread > 0, excess / np.where(spread > 0, spread, 1), 0.0)
        shares = first / n, second / n

    def bounds(z: float | Floats) -> Floats:
        return _square_and_add(
            shares[0], wilson(first, n, z), shares[1], wilson(second, n, z), correlation
        )

    p = np.where(n > 0, mcnemar_mid_p(first_only, second_only), np.nan)
    return Differences(*shares, p, bounds)


def _square_and_add(
    first: Floats, of_first: Floats, second: Floats, of_second: Floats, correlation: Floats
) -> Floats:
    """The interval of second - first, from the intervals of both.

    Zou and Donner, "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27 (2008), of which Newcombe's is a case.
    """
    below_1, above_1 = first - of_first[..., 0], of_first[..., 1] - first
    below_2, above_2 = second - of_second[..., 0], of_second[..., 1] - second
    low = below_2**2 - 2 * correlation * below_2 * above_1 + above_1**2
    high = above_2**2 - 2 * correlation * above_2 * below_1 + below_1**2
    difference = second - first
    low, high = (np.sqrt(np.maximum(square, 0)) for square in (low, high))
    return np.stack([difference - low, difference + high], axis=-1)


def _interval(figure: str, tp: Ints, fp: Ints, fn: Ints, z: float | Floats) -> Floats:
    return wilson(tp, tp + fp, z) if figure == "precision" else f1_interval(tp, fp + fn, z)


def _correlation(covariance: Floats, first: Floats, second: Floats) -> Floats:
    """0 where one of the two does not vary."""
    spread = np.sqrt(first * second)
    return np.where(spread > 0, covariance / np.where(spread > 0, spread, 1), 0.0)


def _precision_p(cells: Cells) -> Floats:
    """The weighted generalised score test of two predictive values.

    A. S. Kosinski, "A weighted generalized score statistic for comparison of predictive values of
    diagnostic tests", Statistics in Medicine 32 (2013). 1 where the rows do not differ.
    """
    from scipy.special import chdtrc

    a = cells.d11 + cells.d10 + cells.n11 + cells.n10
    b = cells.d11 + cells.d01 + cells.n11 + cells.n01
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (2 * cells.d11 + cells.d10 + cells.d01) / (a + b)
        shared = (cells.d11 * (1 - pooled) ** 2 + cells.n11 * pooled**2) / (a + b)
        difference = (cells.d11 + cells.d01) / b - (cells.d11 + cells.d10) / a
        score = difference**2 / ((pooled * (1 - pooled) - 2 * shared) * (1 / a + 1 / b))
    p: Floats = np.where(difference == 0, 1.0, chdtrc(1, np.maximum(score, 0)))
    return p


def _f1_p(cells: Cells, a: Influence, b: Influence) -> Floats:
    """By the influence of each row; of fewer than ten rows that differ, by all their swaps."""
    differing = cells.d10 + cells.d01 + cells.n10 + cells.n01
    variance = a.variance(*cells.first()) + b.variance(*cells.second()) - 2 * cells.covariance(a, b)
    p = _two_sided(b.value - a.value, variance)
    few = np.flatnonzero(differing < FEWEST)
    return np.where(differing < FEWEST, _f1_p_of_swaps(cells, few, b.value - a.value), p)


def _f1_p_of_swaps(cells: Cells, few: Ints, differences: Floats) -> Floats:
    """How often F1 differs at least as much where each row's predictions are swapped or not.

    All swaps, of which those with as many of the class and of others are alike: an exact
    permutation test. For the classes `few`, of which fewer than ten rows differ; else NaN.
    """
    from scipy.special import binom

    p = np.full(len(differences), np.nan)
    part = Cells(*(getattr(cells, name)[few] for name in Cells.__dataclass_fields__))
    d, n = part.d10 + part.d01, part.n10 + part.n01
    reached = np.zeros(len(few))
    for own in range(FEWEST):
        for others in range(FEWEST - own):
            ways = binom(d, own) * binom(n, others) * ((own <= d) & (others <= n))
            after = part.swapped(np.minimum(own, d), np.minimum(others, n))
            a, b = influence("f1", *after.first()), influence("f1", *after.second())
            as_large = np.abs(b.value - a.value) >= np.abs(differences[few]) - 1e-12
            reached += ways * as_large
    p[few] = reached / 2.0 ** (d + n)
    return p


def _macro_p_of_swaps(pairs: Pairs, figure: str, difference: float) -> Floats:
    """The same of a macro average: all swaps of the rows, fewer than ten, on which they differ."""
    differs = np.repeat(np.arange(len(pairs.n)), np.where(pairs.first != pairs.second, pairs.n, 0))
    truth = np.concatenate([pairs.truth, pairs.truth[differs]])
    n = np.concatenate([np.where(pairs.first != pairs.second, 0, pairs.n), np.ones(len(differs))])
    reached = 0
    for swaps in range(2 ** len(differs)):
        swap = (swaps >> np.arange(len(differs)) & 1).astype(bool)
        first = np.where(swap, pairs.second[differs], pairs.first[differs])
        second = np.where(swap, pairs.first[differs], pairs.second[differs])
        after = Pairs(
            truth,
            np.concatenate([pairs.first, first]),
            np.concatenate([pairs.second, second]),
            n.astype(np.int64),
            pairs.n_classes,
        ).cells
        means = [np.nanmean(influence(figure, *of).value) for of in (after.first(), after.second())]
        reached += bool(abs(means[1] - means[0]) >= difference - 1e-12)
    return np.array(reached / 2 ** len(differs))


def _two_sided(difference: Floats, variance: Floats) -> Floats:
    """The p-value of a difference that is normal; 1 of none."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(difference) / np.sqrt(np.maximum(variance, 0))
    p: Floats = np.where(difference == 0, 1.0, 2 * ndtr(-z))
    return p
