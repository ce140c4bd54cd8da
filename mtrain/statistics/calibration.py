"""How far the probabilities of the predicted classes are from how often they are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats

MOST_BINS = 15

ROWS_OF_BIN = 20
"""The fewest rows of a bin."""

DRAWS = 20_000


@dataclass(frozen=True, eq=False)
class Calibration:
    """Bins of rows with alike probabilities; arrays of shape (B,)."""

    gaps: Floats
    """Mean probability - share of right predictions."""

    variances: Floats
    """Of the gaps."""

    shares: Floats
    """Of all rows, in each bin."""

    @property
    def error(self) -> float:
        """Root mean square of the gaps, without what chance adds to it; in [0, 1].

        The debiased L2 estimator of Kumar, Liang and Ma, "Verified uncertainty calibration",
        NeurIPS 2019.
        """
        return float(np.sqrt(max(float(self._square(self.gaps)), 0.0)))

    def p_values(self, limit: float) -> tuple[float, float]:
        """Of an error this small, and of one this large, if the true error is `limit`.

        By drawing the gaps anew, scaled to that error, with their variances: a parametric
        bootstrap, the same in each call.
        """
        scale = float(np.sqrt(self.shares @ self.gaps**2))
        gaps = np.full_like(self.gaps, limit) if scale == 0 else self.gaps * (limit / scale)
        noise = np.random.default_rng(0).standard_normal((DRAWS, len(gaps)))
        drawn = self._square(gaps + noise * np.sqrt(self.variances))
        seen = self._square(self.gaps)
        smaller, larger = np.count_nonzero(drawn <= seen), np.count_nonzero(drawn >= seen)
        return (smaller + 1) / (DRAWS + 1), (larger + 1) / (DRAWS + 1)

    def _square(self, gaps: Floats) -> Floats:
        square: Floats = (gaps**2 - self.variances) @ self.shares
        return square


def calibration(probabilities: NDArray[np.float32], right: NDArray[np.bool_]) -> Calibration:
    """Bins of equally many rows, from the probability of each predicted class; both of shape (N,)."""
    n_bins = max(1, min(MOST_BINS, len(right) // ROWS_OF_BIN))
    order = np.argsort(probabilities, kind="stable")
    gap_of_row = probabilities[order].astype(np.float64) - right[order]
    bins = np.array_split(gap_of_row, n_bins)
    sizes = np.array([len(each) for each in bins])
    return Calibration(
        gaps=np.array([each.mean() for each in bins]),
        variances=np.array([each.var(ddof=1) if len(each) > 1 else 0.25 for each in bins]) / sizes,
        shares=sizes / len(right),
    )
