"""How far the probabilities of the predicted classes are from how often they are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints

MOST_BINS = 15

ROWS_OF_BIN = 20
"""The fewest rows of a bin."""

DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class Calibration:
    """Bins of rows with alike probabilities; arrays of shape (B,)."""

    confidence: Floats
    """The mean probability of the predicted classes."""

    right: Ints
    """Rows rightly predicted."""

    rows: Ints

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
        gaps = self.confidence - self.right / self.rows
        scale = float(np.sqrt(gaps**2 @ self.rows / self.rows.sum()))
        too_high = np.full_like(gaps, limit)
        scaled = gaps * (limit / scale) if scale else too_high
        smaller, larger = self._tails(scaled)
        return max(smaller, self._tails(too_high)[0]), larger

    def _tails(self, gaps: Floats) -> tuple[float, float]:
        shares = np.clip(self.confidence - gaps, 0, 1)
        generator = np.random.default_rng(0)
        drawn = self._square(generator.binomial(self.rows, shares, (DRAWS, len(shares))))
        seen = self._square(self.right)
        smaller = np.count_nonzero(drawn <= seen + 1e-12)
        larger = np.count_nonzero(drawn >= seen - 1e-12)
        return (smaller + 1) / (DRAWS + 1), (larger + 1) / (DRAWS + 1)

    def _square(self, right: Ints) -> Floats:
        """The mean square of the gaps, less their variance; of shape (B,) or (draws, B)."""
        share = right / self.rows
        variance = share * (1 - share) / np.maximum(self.rows - 1, 1)
        square: Floats = ((self.confidence - share) ** 2 - variance) @ self.rows / self.rows.sum()
        return square


def calibration(probabilities: NDArray[np.float32], right: NDArray[np.bool_]) -> Calibration:
    """Bins of equally many rows, from the probability of each predicted class; both of shape (N,).

    At least one row.
    """
    n_bins = max(1, min(MOST_BINS, len(right) // ROWS_OF_BIN))
    order = np.argsort(probabilities, kind="stable")
    bins = np.array_split(order, n_bins)
    return Calibration(
        confidence=np.array([probabilities[rows].mean(dtype=np.float64) for rows in bins]),
        right=np.array([np.count_nonzero(right[rows]) for rows in bins]),
        rows=np.array([len(rows) for rows in bins]),
    )
