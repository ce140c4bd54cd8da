"""Rows that two classifiers predict, counted by what each of them says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.statistics.influence import Influence


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of each combination of a true class and two predictions that occurs; of shape (M,).

    Where rows belong together, of each combination of these and a group.
    """

    truth: Ints
    first: Ints
    second: Ints
    n: Ints
    n_classes: int
    groups: Ints | None = None
    """Counted from 0; None: rows have no groups."""

    @cached_property
    def cells(self) -> Cells:
        """The counts of each class against the others."""
        a, b = self.first == self.truth, self.second == self.truth
        same = self.first == self.second
        return Cells(
            d11=self._count(self.truth, a & b),
            d10=self._count(self.truth, a & ~b),
            d01=self._count(self.truth, b & ~a),
            d00=self._count(self.truth, ~a & ~b),
            n11=self._count(self.first, same & ~a),
            n10=self._count(self.first, ~same & ~a),
            n01=self._count(self.second, ~same & ~b),
        )

    def right(self) -> tuple[int, int, int, int]:
        """Rows that both predict rightly, only the first, only the second, neither."""
        cells = self.cells
        both, first, second, neither = (
            int(counts.sum()) for counts in (cells.d11, cells.d10, cells.d01, cells.d00)
        )
        return both, first, second, neither

    def same(self) -> int:
        """Rows of which both predict the same class."""
        return int(self.n[self.first == self.second].sum())

    def _count(self, classes: Ints, chosen: NDArray[np.bool_]) -> Ints:
        counts = np.bincount(classes[chosen], self.n[chosen], self.n_classes)
        return counts.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Cells:
    """Rows of a class (d) or of another (n), by who predicts it: both, the first, the second, none.

    Each of shape (K,).
    """

    d11: Ints
    d10: Ints
    d01: Ints
    d00: Ints
    n11: Ints
    n10: Ints
    n01: Ints

    def first(self) -> tuple[Ints, Ints, Ints]:
        """Tp, fp and fn of the first."""
        return self.d11 + self.d10, self.n11 + self.n10, self.d01 + self.d00

    def second(self) -> tuple[Ints, Ints, Ints]:
        """Tp, fp and fn of the second."""
        return self.d11 + self.d01, self.n11 + self.n01, self.d10 + self.d00

    def swapped(self, own: Ints, others: Ints) -> Cells:
        """With `own` of the rows of the class on which they differ, and `others`, the second's."""
        d, n = self.d10 + self.d01, self.n10 + self.n01
        return Cells(self.d11, d - own, own, self.d00, self.n11, n - others, others)

    def covariance(self, a: Influence, b: Influence) -> Floats:
        """The covariance of a figure of the first and one of the second; shape (K,)."""
        return (
            self.d11 * a.hit * b.hit
            + self.d10 * a.hit * b.miss
            + self.d01 * a.miss * b.hit
            + self.d00 * a.miss * b.miss
            + self.n11 * a.false_alarm * b.false_alarm
        )


def pair(
    truth: Ints, first: Ints, second: Ints, n_classes: int, groups: Ints | None = None
) -> Pairs:
    """Count rows by their true class and what each of two predicts: class indices, shape (N,).

    `groups` are the numbers of their groups, shape (N,); None: rows have none.
    """
    keys = (truth * n_classes + first) * n_classes + second
    if groups is None:
        combinations, n = np.unique(keys, return_counts=True)
        group = None
    else:
        numbers = np.unique(groups, return_inverse=True)[1]
        both, n = np.unique(numbers * n_classes**3 + keys, return_counts=True)
        group, combinations = np.divmod(both, n_classes**3)
    rest, b = np.divmod(combinations, n_classes)
    truth, a = np.divmod(rest, n_classes)
    return Pairs(truth, a, b, n, n_classes, group)
