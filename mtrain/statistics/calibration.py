"""How far the probabilities of the predicted classes are from how often they are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.clusters import effective_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mtrain.records.arrays import Counts, Floats, Ints

MOST_BINS = 15

ROWS_OF_BIN = 20
"""The fewest rows of a bin."""

DRAWS = 20_000

INTERVAL_DRAWS = 1000
"""For an interval: the same for each of the some forty errors that are tried as its ends."""

TAIL = 0.025
"""What is refused on either side of a 95 % interval."""

STEPS = 12
"""Halvings of where an end may lie."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Bins of rows with alike probabilities; arrays of shape (B,)."""

    confidence: Floats
    """The mean probability of the predicted classes."""

    right: Counts
    """Rows rightly predicted."""

    rows: Ints
    """All rows; of rows in groups, the effective number."""

    weights: Floats
    """The share of all rows that is in each bin."""

    @property
    def error(self) -> float:
        """Root mean square difference of probability and share of right rows; in [0, 1].

        Without what chance adds to it: the debiased L2 estimator of Kumar, Liang and Ma, "Verified
        uncertainty calibration", NeurIPS 2019.
        """
        return float(np.sqrt(max(float(self._square(self.right)), 0.0)))

    def p_values(self, limit: float) -> tuple[float, float]:
        """P-values of an error this small, and of one this large, if the true error is `limit`.

        By drawing the right rows of each bin anew, with the gaps seen, scaled to that error: a
        parametric bootstrap, the same in each call. A small error must be unlikely as well if all
        probabilities are too high by `limit`.
        """
        generator = np.random.default_rng(0)

        def tails(gaps: Floats) -> tuple[float, float]:
            shape = DRAWS, len(gaps)
            return self._tails(generator.binomial(self.rows, self._shares(gaps), shape))

        smaller, larger = tails(self._scaled(limit))
        return max(smaller, tails(self._too_high(limit))[0]), larger

    def interval(self) -> tuple[float, float]:
        """95 % interval of the error: what `p_values` refuses neither as too small nor as too large.

        With fewer draws, which are the same normal numbers for every error that is tried: a binomial
        number is made of each by the first terms of its Cornish-Fisher expansion (Cornish and Fisher,
        "Moments and cumulants in the specification of distributions", 1938).
        """
        z = np.random.default_rng(0).normal(size=(INTERVAL_DRAWS, len(self.rows)))

        def tails(gaps: Floats) -> tuple[float, float]:
            shares = self._shares(gaps)
            mean, deviation = self.rows * shares, np.sqrt(self.rows * shares * (1 - shares))
            right = np.rint(mean + deviation * z + (1 - 2 * shares) * (z**2 - 1) / 6)
            return self._tails(np.clip(right, 0, self.rows))

        def is_above(limit: float) -> bool:
            return tails(self._scaled(limit))[1] <= TAIL

        def is_below(limit: float) -> bool:
            return max(tails(self._scaled(limit))[0], tails(self._too_high(limit))[0]) <= TAIL

        low = _edge(0.0, self.error, is_above) if is_above(0.0) else 0.0
        return low, _edge(1.0, self.error, is_below)

    def _scaled(self, limit: float) -> Floats:
        """The gaps seen, scaled to this error."""
        gaps = self.confidence - self.right / self.rows
        scale = float(np.sqrt(gaps**2 @ self.weights))
        return gaps * (limit / scale) if scale else self._too_high(limit)

    def _too_high(self, limit: float) -> Floats:
        return np.full_like(self.confidence, limit)

    def _shares(self, gaps: Floats) -> Floats:
        """The shares that are right, with these gaps."""
        return np.clip(self.confidence - gaps, 0, 1)

    def _tails(self, right: Counts) -> tuple[float, float]:
        """P-values of an error this small, and of one this large, by right rows that were drawn, (D, B)."""
        drawn, seen = self._square(right), self._square(self.right)
        smaller = np.count_nonzero(drawn <= seen + 1e-12)
        larger = np.count_nonzero(drawn >= seen - 1e-12)
        return (smaller + 1) / (len(right) + 1), (larger + 1) / (len(right) + 1)

    def _square(self, right: Counts) -> Floats:
        """The mean square of the gaps, less their variance; of shape (B,) or (draws, B)."""
        share = right / self.rows
        variance = share * (1 - share) / np.maximum(self.rows - 1, 1)
        square: Floats = ((self.confidence - share) ** 2 - variance) @ self.weights
        return square


def _edge(refused: float, kept: float, is_refused: Callable[[float], bool]) -> float:
    """The end of an interval between an error that is refused and one that is not, on the safe side."""
    for _ in range(STEPS):
        middle = (refused + kept) / 2
        refused, kept = (middle, kept) if is_refused(middle) else (refused, middle)
    return refused


def _apart(ends: Ints) -> Ints:
    """The ends of bins, without those that would leave a bin with too few rows; the last one stays."""
    kept = [0]
    for end in ends[:-1]:
        if end - kept[-1] >= ROWS_OF_BIN and ends[-1] - end >= ROWS_OF_BIN:
            kept.append(end)
    return np.array([*kept[1:], ends[-1]])


def calibration(
    probabilities: NDArray[np.float32], right: NDArray[np.bool_], groups: Ints | None = None
) -> Calibration:
    """Bins of equally many rows, from the probability of each predicted class; all of shape (N,).

    Rows of equal probability are in one bin, however many: their order says nothing. No bin has fewer than
    `ROWS_OF_BIN` if there are as many. At least one row. `groups` are the numbers of the groups to which rows belong; None: to none.
    """
    most = max(1, min(MOST_BINS, len(right) // ROWS_OF_BIN))
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    ends = np.cumsum([len(each) for each in np.array_split(order, most)])
    ends = _apart(np.unique(np.searchsorted(ordered, ordered[ends - 1], side="right")))
    bins, n_bins = np.split(order, ends[:-1]), len(ends)
    rows = np.array([len(each) for each in bins])
    hits: Counts = np.array([np.count_nonzero(right[each]) for each in bins])
    effective = rows
    if groups is not None:
        bin_of = np.empty(len(order), np.int64)
        bin_of[order] = np.repeat(np.arange(n_bins), rows)
        numbers = np.unique(groups, return_inverse=True)[1]
        effective = np.rint(effective_rows(bin_of, numbers, right, n_bins)).astype(np.int64).clip(1)
        hits = hits / rows * effective
    return Calibration(
        confidence=np.array([probabilities[each].mean(dtype=np.float64) for each in bins]),
        right=hits,
        rows=effective,
        weights=rows / len(right),
    )
