"""Shares: hits among trials, their bounds, and tests against a required share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from mtrain.records.arrays import Counts, Floats

Z_95 = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""

POWER = 0.8
"""The share of repetitions that are to decide, where rows are planned."""


def wilson(hits: ArrayLike, trials: ArrayLike, z: float | Floats = Z_95) -> Floats:
    """95 % Wilson score interval of hits / trials: low and high, shape (..., 2), in [0, 1].

    Edwin B. Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927). NaN if there are no trials. Another
    quantile `z` of the normal distribution gives another level.
    """
    hits, n = _floats(hits), _floats(trials)
    n = np.where(n == 0, np.nan, n)
    share = hits / n
    denominator = 1 + z**2 / n
    centre = share + z**2 / (2 * n)
    spread = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low = np.where(hits == 0, 0 * n, (centre - spread) / denominator)
    high = np.where(hits == n, 1 + 0 * n, (centre + spread) / denominator)
    return np.stack([low, high], axis=-1)


def clopper_pearson(hits: ArrayLike, trials: ArrayLike) -> Floats:
    """Exact 95 % intervals of shares, shape (..., 2): [0, 1] without trials.

    Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
    binomial", Biometrika 26 (1934). Numbers need not be whole.
    """
    from scipy.special import betaincinv

    k, n = _floats(hits), _floats(trials)
    with np.errstate(invalid="ignore"):
        low = np.where(k > 0, betaincinv(k, n - k + 1, 0.025), 0.0)
        high = np.where(k < n, betaincinv(k + 1, n - k, 0.975), 1.0)
    return np.stack([low, high], axis=-1)


def p_at_least(hits: ArrayLike, trials: ArrayLike, share: ArrayLike) -> Floats:
    """The p-value of `hits` or more if the true share is `share`: small if it is larger.

    The exact binomial tail, by the incomplete beta function (Clopper and Pearson, "The use of
    confidence or fiducial limits", Biometrika 26, 1934); hits and trials that are no integers, as of
    an effective number of rows, continue it. 1 without trials.
    """
    from scipy.special import betainc

    hits, trials = _floats(hits), _floats(trials)
    tail = betainc(np.maximum(hits, 1e-300), trials - hits + 1, share)
    return np.where(hits > 0, tail, 1.0)


def p_at_most(hits: ArrayLike, trials: ArrayLike, share: ArrayLike) -> Floats:
    """The p-value of `hits` or fewer if the true share is `share`: small if it is smaller."""
    return p_at_least(np.subtract(trials, hits), trials, np.subtract(1.0, share))


def p_by_chance(tp: Counts, support: Counts, predicted: Counts, rows: int | Counts) -> Floats:
    """The p-value of `tp` or more hits if predictions are independent of the class; shape (K,).

    One-sided exact test of each class's 2x2 table, given its margins: R. A. Fisher, "The logic of
    inductive inference", Journal of the Royal Statistical Society 98 (1935).
    """
    from scipy.special import gammaln

    def log_choose(n: Floats, k: Floats) -> Floats:
        return _floats(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))

    n_classes = len(tp)
    # All tables of all classes with at least as many hits, one after the other; those twenty
    # deviations above what was seen or is expected add nothing.
    expected = support * (predicted / rows)
    reach = 20 * np.sqrt(expected * (1 - support / rows)) + 20
    first = np.maximum(tp, np.floor(expected - reach))
    last = np.minimum(np.minimum(support, predicted), np.ceil(np.maximum(tp, expected) + reach))
    lengths = (last - first + 1).astype(np.int64)
    k = np.repeat(np.arange(n_classes), lengths)
    hits = np.arange(len(k)) - (np.cumsum(lengths) - lengths)[k] + first[k]
    n, true, called = (
        _floats(np.broadcast_to(each, n_classes))[k] for each in (rows, support, predicted)
    )
    logs = log_choose(true, hits) + log_choose(n - true, called - hits) - log_choose(n, called)
    return np.minimum(np.bincount(k, np.exp(logs), n_classes), 1.0)


def trials_to_show(
    required: ArrayLike, share: ArrayLike, level: float, power: float = POWER
) -> Floats:
    """The trials after which a true `share` is shown to differ from `required`; NaN if it does not.

    One-sided at `level`, with `power`, by the normal approximation (Fleiss, Levin and Paik,
    "Statistical methods for rates and proportions", 2003, 2.5), and at least as many as an exact
    test takes if all trials are hits, or none is; just as many if the share is 1 or 0.
    """
    from scipy.special import ndtri

    required, share = _floats(required), _floats(share)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = -ndtri(level) * np.sqrt(required * (1 - required))
        spread = spread + ndtri(power) * np.sqrt(share * (1 - share))
        by_normal = (spread / (share - required)) ** 2
        least = np.log(level) / np.log(np.where(share > required, required, 1 - required))
    trials = np.where((share == 0) | (share == 1), least, np.maximum(by_normal, least))
    trials = np.ceil(trials - 1e-9)
    return np.where(np.isfinite(trials), trials, np.nan)


def rows_to_differ(
    share: Floats, other: Floats, times: Floats, level: float, power: float = POWER
) -> Floats:
    """The rows after which `share` is shown to be above that of `times` as many `other` rows.

    One-sided, by the normal approximation (Fleiss, Levin and Paik, 2003, 4.2); NaN if it is not
    above.
    """
    from scipy.special import ndtri

    with np.errstate(divide="ignore", invalid="ignore"):
        both = (share + times * other) / (1 + times)
        spread = -ndtri(level) * np.sqrt((1 + 1 / times) * both * (1 - both))
        spread = spread + ndtri(power) * np.sqrt(share * (1 - share) + other * (1 - other) / times)
        return np.where(share > other, np.ceil((spread / (share - other)) ** 2), np.nan)


def _floats(numbers: ArrayLike) -> Floats:
    return np.asarray(numbers, np.float64)
