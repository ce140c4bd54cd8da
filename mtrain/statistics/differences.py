"""How a figure of two classifiers differs, and the parts of every such comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.records.arrays import Floats
    from mtrain.statistics.influence import Influence

FEWEST = 10
"""The fewest rows that differ for which a sum over them is taken for normal."""


@dataclass(frozen=True, eq=False)
class Differences:
    """A figure of two classifiers, of each class or of all; arrays of one shape."""

    first: Floats
    second: Floats
    p: Floats
    """Two-sided p-values of no difference; NaN where one of the two is undefined."""

    bounds: Callable[[float | Floats], Floats]
    """The interval of the difference for a quantile of the normal distribution, or for one of each;
    shape (..., 2)."""

    @property
    def difference(self) -> Floats:
        """Second - first."""
        return self.second - self.first


def square_and_add(
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


def one_row_more(a: Influence, b: Influence) -> Floats:
    """The square of the largest difference that one row could add; shape (K,).

    The rows on which two classifiers differ may be few and all alike, or there may be none. Then
    their squares say nothing of the next one.
    """
    could_add = (a.hit - b.miss, b.hit - a.miss, a.false_alarm, b.false_alarm)
    largest: Floats = np.max(np.abs(could_add), axis=0)
    return largest**2


def correlation(covariance: Floats, first: Floats, second: Floats, more: Floats) -> Floats:
    """Of two figures, from their variances; as if the classifiers differed on one row more.

    0 where one of the two does not vary.
    """
    spread = np.sqrt(first * second)
    correlation = (covariance - more / 2) / np.where(spread > 0, spread, 1)
    return np.where(spread > 0, np.maximum(correlation, -1), 0.0)
