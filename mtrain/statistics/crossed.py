"""The mean over seeds and rows: both are drawn, and both vary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.sums import dot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats


@dataclass(frozen=True)
class CrossedMean:
    """The mean of a table of seeds by rows, and the parts of its variance."""

    mean: float
    seeds: float
    """Variance, from seed to seed, of the mean over the rows; at least 0."""

    rows: float
    """Variance, from row to row, of the mean over the seeds; at least 0."""

    variance: float
    """Variance of `mean` over other seeds and other rows."""

    degrees: float
    """Degrees of freedom of that variance."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Student's interval of the mean over all seeds and rows that there could be."""
        from scipy.special import stdtrit

        if not self.variance:
            return self.mean, self.mean
        spread = float(stdtrit(self.degrees, (1 + level) / 2)) * math.sqrt(self.variance)
        return self.mean - spread, self.mean + spread


def crossed_mean(table: NDArray[np.bool_] | Floats) -> CrossedMean:
    """The mean of `table`, shape (S, N): of right or wrong predictions, of S seeds on the same N rows.

    By the mean squares of a crossed design without repetition: Gallas, Pennello and Myers,
    "Multireader multicase variance analysis for binary data", Journal of the Optical Society of
    America A 24 (2007). The degrees of freedom are those of the few seeds: S. L. Hillis, "A comparison
    of denominator degrees of freedom methods for multiple observer ROC analysis", Statistics in
    Medicine 26 (2007). Raises `ValueError` for fewer than two seeds or rows.
    """
    n_seeds, n_rows = table.shape
    if min(n_seeds, n_rows) < 2:
        raise ValueError(f"at least two seeds and two rows, got {n_seeds} and {n_rows}")
    mean = float(table.mean())
    of_seeds, of_rows = table.mean(axis=1) - mean, table.mean(axis=0) - mean
    squares_of_seeds = n_rows * float(dot(of_seeds, of_seeds))
    squares_of_rows = n_seeds * float(dot(of_rows, of_rows))
    squares = float(np.square(table, dtype=np.float64).sum()) - n_seeds * n_rows * mean**2
    ms_seeds, ms_rows = squares_of_seeds / (n_seeds - 1), squares_of_rows / (n_rows - 1)
    ms_residual = (squares - squares_of_seeds - squares_of_rows) / ((n_seeds - 1) * (n_rows - 1))
    ms_residual = max(ms_residual, 0.0)
    beyond_seeds, beyond_rows = max(ms_seeds - ms_residual, 0), max(ms_rows - ms_residual, 0)
    whole = beyond_seeds + beyond_rows + ms_residual
    return CrossedMean(
        mean,
        seeds=beyond_seeds / n_rows,
        rows=beyond_rows / n_seeds,
        variance=whole / (n_seeds * n_rows),
        degrees=(n_seeds - 1) * (whole / ms_seeds) ** 2 if ms_seeds else math.inf,
    )
