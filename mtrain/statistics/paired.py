"""Two classifiers on the same rows: how their figures differ, and whether that could be chance."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics import grouped_pairs
from mtrain.statistics.averages import effective_share, f1_interval
from mtrain.statistics.binomial import wilson
from mtrain.statistics.differences import (
    FEWEST,
    Differences,
    correlation,
    one_row_more,
    square_and_add,
)
from mtrain.statistics.influence import influence
from mtrain.statistics.pairs import Cells, Pairs
from mtrain.statistics.sums import dot

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats, Ints


def class_differences(pairs: Pairs, figure: str) -> Differences:
    """Compare `recall`, `precision` or `f1` of each class; shape (K,)."""
    if pairs.groups is not None:
        return grouped_pairs.class_differences(pairs, figure)
    cells = pairs.cells
    if figure == "recall":
        return _shares(cells.d11, cells.d10, cells.d01, cells.d00)
    a, b = influence(figure, *cells.first()), influence(figure, *cells.second())
    variances = a.variance(*cells.first()), b.variance(*cells.second())
    covariance, more = cells.covariance(a, b), one_row_more(a, b)
    if figure == "precision":
        p = _precision_p(cells, more)
    else:
        variance = variances[0] + variances[1] - 2 * covariance + more
        p = _f1_p(cells, b.value - a.value, variance)
    undefined = np.isnan(a.value) | np.isnan(b.value)
    together = correlation(covariance, *variances, more)

    def bounds(z: float | Floats) -> Floats:
        return square_and_add(
            a.value,
            _interval(figure, *cells.first(), z),
            b.value,
            _interval(figure, *cells.second(), z),
            together,
        )

    return Differences(a.value, b.value, np.where(undefined, np.nan, p), bounds)


def accuracy_difference(pairs: Pairs) -> Differences:
    """Compare the shares of all rows that are predicted rightly; shape ()."""
    if pairs.groups is not None:
        return grouped_pairs.accuracy_difference(pairs)
    return _shares(*(np.array(rows) for rows in pairs.right()))


def macro_difference(pairs: Pairs, figure: str) -> Differences:
    """Compare the macro averages of `recall`, `precision` or `f1`; shape ().

    Each is over the classes where it is defined. A precision that is undefined for a class with rows
    is not compared: its average would rise by a class that is given up.
    """
    if pairs.groups is not None:
        return grouped_pairs.macro_difference(pairs, figure)
    cells, n = pairs.cells, pairs.n
    a, b = influence(figure, *cells.first()), influence(figure, *cells.second())
    of_a, of_b = a.on_mean(pairs.truth, pairs.first), b.on_mean(pairs.truth, pairs.second)
    variances = dot(n, of_a**2), dot(n, of_b**2)
    shares = (
        effective_share(a.value, a.trials, float(variances[0])),
        effective_share(b.value, b.trials, float(variances[1])),
    )
    first, second = (np.array(share.value) for share in shares)
    present = cells.d11 + cells.d10 + cells.d01 + cells.d00 > 0
    if (np.isnan(a.value) | np.isnan(b.value))[present].any():
        return Differences(first, second, np.array(np.nan), lambda _: np.full(2, np.nan))
    more = one_row_more(a, b).max() / min(a.n_defined, b.n_defined) ** 2
    differs = pairs.first != pairs.second
    if n[differs].sum() < FEWEST:
        p = _macro_p_of_swaps(pairs, figure, float(abs(second - first)))
    else:
        p = _two_sided(second - first, dot(n, (of_b - of_a) ** 2) + more)
    together = correlation(dot(n, of_a * of_b), *variances, more)

    def bounds(z: float | Floats) -> Floats:
        return square_and_add(first, shares[0].interval(z), second, shares[1].interval(z), together)

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
        return square_and_add(
            shares[0], wilson(first, n, z), shares[1], wilson(second, n, z), correlation
        )

    p = np.where(n > 0, mcnemar_mid_p(first_only, second_only), np.nan)
    return Differences(*shares, p, bounds)


def _interval(figure: str, tp: Ints, fp: Ints, fn: Ints, z: float | Floats) -> Floats:
    return wilson(tp, tp + fp, z) if figure == "precision" else f1_interval(tp, fp + fn, z)


def _precision_p(cells: Cells, more: Floats) -> Floats:
    """The weighted generalised score test of two predictive values.

    A. S. Kosinski, "A weighted generalized score statistic for comparison of predictive values of
    diagnostic tests", Statistics in Medicine 32 (2013). Its variance is that of the rows that only
    one of the two predicts. Where fewer than ten of these are right, or wrong, it may say too little,
    and is at least the binomial variance of all rows and of one row `more`. 1 where the rows do not
    differ.
    """
    from scipy.special import chdtrc

    shared, only_a, only_b = cells.d11 + cells.n11, cells.d10 + cells.n10, cells.d01 + cells.n01
    a, b = shared + only_a, shared + only_b
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (2 * cells.d11 + cells.d10 + cells.d01) / (a + b)
        both = (cells.d11 * (1 - pooled) ** 2 + cells.n11 * pooled**2) / (a + b)
        of_differing = (pooled * (1 - pooled) - 2 * both) * (1 / a + 1 / b)
        of_all = pooled * (1 - pooled)
        of_all = of_all * (shared * (1 / b - 1 / a) ** 2 + only_a / a**2 + only_b / b**2)
        few = np.minimum(cells.d10 + cells.d01, cells.n10 + cells.n01) < FEWEST
        difference = (cells.d11 + cells.d01) / b - (cells.d11 + cells.d10) / a
        at_least = np.where(few, of_all + more, 0.0)
        score = difference**2 / np.maximum(of_differing, at_least)
    p: Floats = np.where(difference == 0, 1.0, chdtrc(1, np.maximum(score, 0)))
    return p


def _f1_p(cells: Cells, difference: Floats, variance: Floats) -> Floats:
    """By the influence of each row; of fewer than ten rows that differ, by all their swaps."""
    p = _two_sided(difference, variance)
    few = np.flatnonzero(cells.d10 + cells.d01 + cells.n10 + cells.n01 < FEWEST)
    p[few] = _f1_p_of_swaps(cells, few, difference[few])
    return p


def _f1_p_of_swaps(cells: Cells, few: Ints, differences: Floats) -> Floats:
    """How often F1 differs at least as much where each row's predictions are swapped or not.

    All swaps, of which those with as many of the class and of others are alike: an exact
    permutation test, for the classes `few`, of which fewer than ten rows differ; of their shape.
    """
    from scipy.special import binom

    part = Cells(*(getattr(cells, name)[few] for name in Cells.__dataclass_fields__))
    d, n = part.d10 + part.d01, part.n10 + part.n01
    reached = np.zeros(len(few))
    for own in range(FEWEST):
        for others in range(FEWEST - own):
            ways = binom(d, own) * binom(n, others) * ((own <= d) & (others <= n))
            after = part.swapped(np.minimum(own, d), np.minimum(others, n))
            a, b = influence("f1", *after.first()), influence("f1", *after.second())
            reached += ways * (np.abs(b.value - a.value) >= np.abs(differences) - 1e-12)
    p: Floats = reached / 2.0 ** (d + n)
    return p


def _macro_p_of_swaps(pairs: Pairs, figure: str, difference: float) -> Floats:
    """How often a macro average differs at least as much, over all swaps of fewer than ten rows."""
    differing = pairs.first != pairs.second
    same = replace(pairs, n=np.where(differing, 0, pairs.n)).cells.first()
    rows = np.repeat(np.flatnonzero(differing), pairs.n[differing])
    truth, first, second = pairs.truth[rows], pairs.first[rows], pairs.second[rows]

    def mean(predicted: Ints) -> float:
        tp, fp, fn = (counts.copy() for counts in same)
        right = predicted == truth
        np.add.at(tp, truth[right], 1)
        np.add.at(fn, truth[~right], 1)
        np.add.at(fp, predicted[~right], 1)
        return float(np.nanmean(influence(figure, tp, fp, fn).value))

    reached = 0
    for swaps in range(2 ** len(rows)):
        swap = (swaps >> np.arange(len(rows)) & 1).astype(bool)
        after = mean(np.where(swap, first, second)) - mean(np.where(swap, second, first))
        reached += abs(after) >= difference - 1e-12
    return np.array(reached / 2 ** len(rows))


def _two_sided(difference: Floats, variance: Floats) -> Floats:
    """The p-value of a difference that is normal; 1 of none."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(difference) / np.sqrt(np.maximum(variance, 0))
    p: Floats = np.where(difference == 0, 1.0, 2 * ndtr(-z))
    return p
