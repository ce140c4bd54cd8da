"""The mean over seeds and rows, and recipes compared by it: both are drawn, and both vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.statistics.binomial import Z_95

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats


@dataclass(frozen=True)
class CrossedMean:
    """The mean of a table of seeds by rows, and the parts of its variance."""

    mean: float
    seeds: float
    """Variance of the mean over the rows from seed to seed, for one seed; at least 0."""

    rows: float
    """Variance of the mean over the seeds from row to row, for one row; at least 0."""

    variance: float
    """Of `mean`: with other seeds, and with other rows."""

    def interval(self, z: float = Z_95) -> tuple[float, float]:
        """95 % interval of the mean over all seeds and rows that there could be."""
        spread = z * float(np.sqrt(self.variance))
        return self.mean - spread, self.mean + spread


def crossed_mean(table: NDArray[np.bool_] | Floats) -> CrossedMean:
    """The mean of `table`, shape (S, N): of right or wrong predictions, of S seeds on the same N rows.

    By the mean squares of a crossed design without repetition: Gallas, Pennello and Myers,
    "Multireader multicase variance analysis for binary data", Journal of the Optical Society of
    America A 24 (2007). Raises `ValueError` for fewer than two seeds or rows.
    """
    n_seeds, n_rows = table.shape
    if min(n_seeds, n_rows) < 2:
        raise ValueError(f"at least two seeds and two rows, got {n_seeds} and {n_rows}")
    mean = float(table.mean())
    of_seeds, of_rows = table.mean(axis=1) - mean, table.mean(axis=0) - mean
    squares_of_seeds = n_rows * float(of_seeds @ of_seeds)
    squares_of_rows = n_seeds * float(of_rows @ of_rows)
    squares = float(np.square(table, dtype=np.float64).sum()) - n_seeds * n_rows * mean**2
    ms_seeds, ms_rows = squares_of_seeds / (n_seeds - 1), squares_of_rows / (n_rows - 1)
    ms_residual = (squares - squares_of_seeds - squares_of_rows) / ((n_seeds - 1) * (n_rows - 1))
    return CrossedMean(
        mean,
        seeds=max(ms_seeds - ms_residual, 0) / n_rows,
        rows=max(ms_rows - ms_residual, 0) / n_seeds,
        variance=max(ms_rows + ms_seeds - ms_residual, 0) / (n_seeds * n_rows),
    )


def compare_recipes(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> CrossedMean:
    """The difference, second - first, of two recipes with the same seeds on the same rows.

    Both of shape (S, N), right or wrong.
    """
    return crossed_mean(second.astype(np.float64) - first)


def folds_p(differences: Floats, test_share: float) -> float:
    """The two-sided p-value of a mean difference over K folds, shape (K,).

    `test_share` is the rows of a test split by those of its training. A t-test with K - 1 degrees
    of freedom, corrected for training rows that folds share: Nadeau and Bengio, "Inference for the
    generalization error", Machine Learning 52 (2003).
    """
    from scipy.special import stdtr

    k = len(differences)
    variance = (1 / k + test_share) * float(np.var(differences, ddof=1))
    mean = float(differences.mean())
    if not variance:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(k - 1, -abs(mean) / np.sqrt(variance)))
