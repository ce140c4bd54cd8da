"""How numbers of a table are scaled, learned from the training rows."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.records.arrays import Floats
    from mtrain.records.dataset import Column

LIMIT = 3.0
"""What clipped numbers come near to, and never pass."""

FARTHEST = 1e6
"""Numbers beyond it are as clipped as this one, to the last digit of a float32; their squares would
overflow."""


def standard(numbers: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column; `numbers` have shape (C, N)."""
    return numbers.mean(axis=1), numbers.std(axis=1)


def robust(numbers: Floats) -> tuple[Floats, Floats]:
    """Median and spread of each column, which outliers hardly change; `numbers` have shape (C, N).

    The spread is the distance of the quartiles, or half of the range where they are equal:
    Holzmüller, Grinsztajn and Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted Trees
    on Tabular Data" (NeurIPS 2024), 3.
    """
    low, median, high = np.quantile(numbers, [0.25, 0.5, 0.75], axis=1)
    half = (numbers.max(axis=1) - numbers.min(axis=1)) / 2
    return median, np.where(high > low, high - low, half)


SCALES: dict[str, Callable[[Floats], tuple[Floats, Floats]]] = {
    "standard": standard,
    "robust": robust,
}
"""What is subtracted from the numbers of each column, and what then divides them."""


def clipped(scaled: Any) -> Any:
    """Scaled numbers z as z / sqrt(1 + (z / 3)^2), between -3 and 3; the source is that of `robust`."""
    near = np.clip(scaled, -FARTHEST, FARTHEST)
    return near / np.sqrt(1 + np.square(near / LIMIT))


MOST_KNOTS = 256

LEAST_SHARE = 1e-7
"""Of what the outermost levels, ±5.2, leave beyond them, as in scikit-learn's QuantileTransformer."""


def knots_of(numbers: Floats) -> tuple[Floats, Floats]:
    """Values between which numbers are mapped linearly, (K,), ascending, and their levels, (K,).

    The values are at most 256 evenly spaced quantiles of the `numbers`, (N,); their levels are the
    standard normal distribution's. Equal ones are one, at the middle of their shares.
    """
    shares = np.linspace(0, 1, min(MOST_KNOTS, max(2, len(numbers))))
    quantiles = np.maximum.accumulate(np.quantile(numbers, shares))
    knots, first, n_equal = np.unique(quantiles, return_index=True, return_counts=True)
    middle = (shares[first] + shares[first + n_equal - 1]) / 2
    inner = np.clip(middle, LEAST_SHARE, 1 - LEAST_SHARE)
    return knots, np.array([NormalDist().inv_cdf(share) for share in inner.tolist()])


def pieces_of(column: Column) -> tuple[Floats, Floats, Floats]:
    """The pieces between the knots of a column: their starts, widths and rises, each of shape (P,).

    A number x is mapped to the first level, and rises * clip((x - starts) / widths, 0, 1) added up.
    """
    if len(column.knots) == 1:  # a constant, which is of one level
        return np.array(column.knots), np.ones(1), np.zeros(1)
    return np.array(column.knots[:-1]), np.diff(column.knots), np.diff(column.levels)
