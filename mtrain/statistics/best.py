"""Which members of a sweep are shown to be worse than its best one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.multiple import holm

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats, Ints

SMALLEST = 1e-17
"""The least p-value that is told from 0, where seeds and rows both vary."""


def pairs_with_best(scores: Floats, best: int, groups: Ints | None = None) -> Floats:
    """P-values of no difference between each member and the best one; shape (M,), in [0, 1].

    `scores`, of shape (M, S, N), is what each row adds to the figure of each member: 1 for a right
    prediction and 0 for a wrong one, or minus its loss. The members have S seeds each, or one, on the
    same N rows. `groups`, of shape (N,), numbers the rows that belong together: their scores are
    added, and the groups take the place of the rows.

    The best member is known only after all were seen. So all M (M - 1) / 2 pairs are tested, on both
    sides, and Holm's adjustment is for all of them. A member is shown to be worse than the best if
    its p-value is below `LEVEL`. Whichever member is the best, and whichever members are equal, any
    of the pairs is wrongly shown to differ in at most 5 % of sweeps. That is exact for zeros and ones of
    one seed; other scores take rows whose mean is nearly normal. Losses of which some are mostly small and
    rarely large, and others are not, may be wrong in 8 % with 100 rows, and are not with 1,000.

    Permuting the members within each row and taking the largest difference would have more power, but
    its p-values hold only if all members are equal: where one is much worse, two others that are
    equal are tested by its spread.

    One seed of zeros and ones is tested by McNemar's exact test, one seed of other scores by Student's
    paired test, and several seeds by Banerjee's (see `_p_of_crossed`). Except in McNemar's, n rows or
    groups never give a p-value below 2^(1 - n), the least of any test by signs: five groups show nothing
    at 5 %. The p-value is 1 for the best itself, with fewer than two rows
    or groups, and for a member with the same scores. It is NaN for a member with a score that is not
    finite, which is left out of the family; if that is the best, for all.
    """
    compared = np.flatnonzero([np.isfinite(one).all() for one in scores])
    p = np.full(len(scores), np.nan)
    if best in compared:
        p[compared] = _with_best(scores[compared], int(np.searchsorted(compared, best)), groups)
    return p


def _with_best(scores: Floats, best: int, groups: Ints | None) -> Floats:
    """The same for finite scores."""
    n_members, n_seeds, _ = scores.shape
    pairs = np.triu_indices(n_members, 1)
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        _, starts = np.unique(groups[order], return_index=True)
        scores = np.add.reduceat(scores[..., order], starts, axis=-1)
    if scores.shape[2] < 2:
        of_pairs = np.ones(len(pairs[0]))
    elif groups is None and n_seeds == 1 and ((scores == 0) | (scores == 1)).all():
        of_pairs = _p_of_mcnemar(scores[:, 0], pairs)
    else:
        of_pairs = _p_of_crossed(scores, pairs)
    first, second = pairs
    p, adjusted = np.ones(n_members), holm(of_pairs)
    of_best = (first == best) | (second == best)
    p[(first + second - best)[of_best]] = adjusted[of_best]
    return p


def _p_of_mcnemar(right: Floats, pairs: tuple[Ints, Ints]) -> Floats:
    """The exact test of rows that only one of two predicts rightly; `right` is of shape (M, N).

    Quinn McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12 (1947), by the binomial distribution. Not its mid-p variant: the
    small p-values that many pairs need would be wrong up to twice too often.
    """
    from scipy.special import bdtr

    first, second = pairs
    # Counts up to 2^24 are exact in single precision.
    counted = right if right.shape[1] > 2**24 else right.astype(np.float32)
    both = (counted @ counted.T).astype(np.int64)
    hits = both.diagonal()
    fewer = np.minimum(hits[first], hits[second]) - both[pairs]
    differing = hits[first] + hits[second] - 2 * both[pairs]
    p: Floats = np.minimum(2 * bdtr(fewer * 1.0, differing, 0.5), 1)
    return p


def _p_of_crossed(scores: Floats, pairs: tuple[Ints, Ints]) -> Floats:
    """Student's test of the rows' differences; with several seeds, Banerjee's for two variances.

    The difference d of two members varies with the rows, N - 1 degrees of freedom, and the seeds, S - 1.
    P is the level at which d^2 = t_seeds^2 V_seeds + t_rows^2 V_rows, with the two-sided quantiles of
    Student's distribution at that level and V the mean squares of a crossed design divided by S N:
    S. K. Banerjee, "Approximate confidence interval for linear functions of means of k populations
    when the population variances are not equal", Sankhya 22 (1960). Of normal scores it is wrong at
    most as often as it says, however small the p-value. The degrees of freedom of `crossed_mean` are
    an approximation that fails for these small p-values: of 20 equal members with 5 seeds each, one is
    shown to be worse in more than 15 % of sweeps, as the tests see.
    """
    from scipy.special import stdtr

    _, n_seeds, n_rows = scores.shape
    # What all members have in common, the rows' difficulty, would only cost accuracy.
    centred = scores - scores.mean(axis=0)
    means = centred.mean(axis=(1, 2))
    centred -= means[:, None, None]
    first, second = pairs
    difference = np.abs(means[first] - means[second])
    of_rows = _squares(centred.mean(axis=1), pairs) / ((n_rows - 1) * n_rows)
    if n_seeds == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            p = 2 * stdtr(n_rows - 1, -difference / np.sqrt(of_rows))
    else:
        of_seeds = _squares(centred.mean(axis=2), pairs) / ((n_seeds - 1) * n_seeds)
        p = _p_of_two(difference**2, (of_seeds, of_rows), (n_seeds - 1, n_rows - 1))
    # `ldexp`, as 2.0 ** -2000 is 0 without an error.
    p = np.maximum(p, np.ldexp(1.0, 1 - n_rows))
    at_most_1: Floats = np.where(difference == 0, 1.0, p)
    return at_most_1


def _squares(values: Floats, pairs: tuple[Ints, Ints]) -> Floats:
    """The sums of squared differences of pairs of the rows of `values`; at least what is rounded."""
    products = values @ values.T
    first, second = pairs
    own = products.diagonal()[first] + products.diagonal()[second]
    sums: Floats = np.maximum(own - 2 * products[pairs], np.finfo(np.float64).eps * own)
    return sums


def _p_of_two(square: Floats, variances: tuple[Floats, Floats], degrees: tuple[int, int]) -> Floats:
    """The level at which t^2 V, added over two variances, is `square`; at most 1 % too large."""
    from scipy.special import stdtrit

    levels = np.geomspace(SMALLEST, 1, 4096)
    quantiles = [stdtrit(number, levels / 2) ** 2 for number in degrees]
    place = np.zeros(len(square), np.int64)
    for step in 2 ** np.arange(11, -1, -1):
        reached = sum(t[place + step - 1] * v for t, v in zip(quantiles, variances, strict=True))
        place += np.where(reached > square, step, 0)
    return levels[place]
