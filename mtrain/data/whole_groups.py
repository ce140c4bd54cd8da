"""Splits and folds of whole groups: the rows of a group go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints

MOST_PASSES = 5
"""The most times that every group is looked at again."""


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of rows, numbered from 0 to G - 1, and their rows of each class."""

    numbers: Ints
    """The group of each row, shape (N,)."""

    sizes: Ints
    """Rows of each group, shape (G,)."""

    classes: list[Ints]
    """By group the classes of its rows, and K, which stands for rows of any class."""

    counts: list[Floats]
    """By group the rows of each of `classes`."""

    totals: Floats
    """Rows of each class, and of any; shape (K + 1,)."""

    def unevenness(self) -> Floats:
        """By group the standard deviation of its rows over the classes; shape (G,)."""
        n_classes = len(self.totals) - 1
        squares = np.array([float(counts[:-1] @ counts[:-1]) for counts in self.counts])
        return np.sqrt(np.maximum(squares / n_classes - (self.sizes / n_classes) ** 2, 0))


def groups_of(labels: NDArray[np.int32], groups: Ints) -> Groups:
    """The groups of rows, from the class and the group of each; both of shape (N,)."""
    numbers = np.unique(groups, return_inverse=True)[1]
    n_classes = int(labels.max()) + 1
    sizes = np.bincount(numbers)
    cells, counts = np.unique(numbers * n_classes + labels, return_counts=True)
    ends = np.searchsorted(cells, n_classes * np.arange(1, len(sizes)))
    return Groups(
        numbers,
        sizes,
        [np.append(each % n_classes, n_classes) for each in np.split(cells, ends)],
        [np.append(each, each.sum()).astype(np.float64) for each in np.split(counts, ends)],
        np.append(np.bincount(labels), len(labels)).astype(np.float64),
    )


def last_groups(of: Groups, apart: int) -> NDArray[np.bool_]:
    """Whether each group is set apart: the last ones by their last row, as near `apart` rows as can be."""
    last = np.zeros(len(of.sizes), np.int64)
    np.maximum.at(last, of.numbers, np.arange(len(of.numbers)))
    order = np.argsort(-last)
    n = 1 + int(np.abs(of.sizes[order].cumsum()[:-1] - apart).argmin())
    goes = np.zeros(len(order), bool)
    goes[order[:n]] = True
    return goes


def drawn_groups(of: Groups, apart: int, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each group is set apart, drawn by `keys`, shape (G,), whatever its classes.

    Each that brings the number of rows nearer to `apart`; at least one, and not all.
    """
    goes = np.zeros(len(keys), bool)
    left = apart
    order = np.argsort(keys, kind="stable")
    for group in order:
        if 0 < of.sizes[group] < 2 * left:
            goes[group] = True
            left -= int(of.sizes[group])
    by_size = order[np.argsort(of.sizes[order], kind="stable")]
    if not goes.any() or goes.all():
        goes[by_size[0]] = not goes[by_size[0]]
    return goes


def stratified_groups(
    of: Groups, apart: int, parts: int, keys: NDArray[np.uint64]
) -> NDArray[np.bool_] | None:
    """Whether each group is set apart, so that each class has its share; drawn by `keys`, shape (G,).

    What is kept small is the sum, over the classes and all rows together, of the squared distance from
    the share, in rows, divided by the rows there are: groups are taken, or put back, as long as that
    lowers it. Of a class of `parts` groups or more at least one is set apart, and at least one for
    each other part stays; of any class one stays. None if no group can be set apart.
    """
    some = _Apart(of, apart, parts)
    order = np.argsort(keys, kind="stable").tolist()
    if not some.take_one_of_each_class(order):
        return None
    for _ in range(MOST_PASSES):
        better = [some.turn_if_better(group) for group in order]
        if not any(better):
            break
    return some.goes if some.goes.any() else None


class _Apart:
    """Groups set apart, and how far the rows of each class are from their share."""

    def __init__(self, of: Groups, apart: int, parts: int) -> None:
        self.of = of
        self.n_groups = np.bincount(np.concatenate(of.classes), minlength=len(of.totals))
        enough = self.n_groups >= parts
        self.least_apart, self.least_left = enough.astype(np.int64), np.where(enough, parts - 1, 1)
        self.shares = of.totals * (apart / of.totals[-1])
        self.weights = 1 / np.maximum(of.totals, 1)
        self.goes = np.zeros(len(of.sizes), bool)
        self.rows = np.zeros(len(of.totals))
        """Of each class, set apart."""
        self.there = np.zeros(len(of.totals), np.int64)
        """Groups set apart that have the class."""

    def take_one_of_each_class(self, order: Sequence[int]) -> bool:
        """Whether each class that needs one has a group apart now, the rarest in groups first."""
        members: dict[int, list[int]] = {}
        for group in order:
            for k in self.of.classes[group].tolist():
                members.setdefault(k, []).append(group)
        for k in sorted(members, key=lambda k: (self.n_groups[k], k)):
            if self.least_apart[k] and not self.there[k]:
                if not (free := [group for group in members[k] if self._may_turn(group)]):
                    return False
                self._turn(min(free, key=self._cost))
        return True

    def turn_if_better(self, group: int) -> bool:
        """Take the group, or put it back, if that brings the classes nearer to their shares."""
        is_better = self._cost(group) < -1e-9 and self._may_turn(group)
        if is_better:
            self._turn(group)
        return is_better

    def _cost(self, group: int) -> float:
        classes, counts = self.of.classes[group], self.of.counts[group]
        sign = -1 if self.goes[group] else 1
        off = 2 * sign * (self.rows[classes] - self.shares[classes]) + counts
        return float((counts * off) @ self.weights[classes])

    def _may_turn(self, group: int) -> bool:
        classes = self.of.classes[group]
        n = self.there[classes]
        if self.goes[group]:
            return bool((n > self.least_apart[classes]).all())
        return bool((self.n_groups[classes] - n > self.least_left[classes]).all())

    def _turn(self, group: int) -> None:
        classes, sign = self.of.classes[group], -1 if self.goes[group] else 1
        self.rows[classes] += sign * self.of.counts[group]
        self.there[classes] += sign
        self.goes[group] = not self.goes[group]


def grouped_folds(of: Groups, folds: int, keys: NDArray[np.uint64]) -> Ints:
    """The fold of each group, from 0, shape (G,); of equals by `keys`, shape (G,).

    One group after the other, those first whose rows are most unevenly of the classes, goes to the
    fold where the squared distances from equal shares then grow least, in rows of each class and in
    all, each divided by the rows there are. No fold is empty if there are so many groups.
    """
    fold_of = np.empty(len(of.sizes), np.int64)
    there = np.zeros((folds, len(of.totals)))
    weights = 1 / np.maximum(of.totals, 1)
    for group in np.lexsort((keys, -of.unevenness())):
        classes, counts = of.classes[group], of.counts[group]
        grows = (2 * there[:, classes] + counts) @ (counts * weights[classes])
        fold = int(grows.argmin())
        there[fold, classes] += counts
        fold_of[group] = fold
    return fold_of
