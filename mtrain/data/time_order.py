"""Splits and folds in the order of time: what comes later is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints


def latest_rows(times: Ints, groups: Ints | None, apart: int) -> NDArray[np.bool_] | None:
    """Whether each row is of the last ones, as near `apart` rows as can be; shape (N,).

    Rows of one time go together, and so do those of one group; of two numbers of rows as near, the
    smaller is taken. None if nothing can be parted.
    """
    order, cuts = _cuts(times, groups)
    if not len(cuts):
        return None
    cuts = cuts[::-1]
    goes = np.zeros(len(times), bool)
    goes[order[cuts[np.abs(cuts - (len(times) - apart)).argmin()] :]] = True
    return goes


def fold_in_time(
    times: Ints, groups: Ints | None, number: int, folds: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | int:
    """Which rows are trained on in a fold, and which are tested; shape (N,) each.

    The rows are `folds` + 1 blocks in the order of time, about equally large, the first with the
    remainder; fold i, from 1, tests block i + 1 after training on the blocks before it. If there
    cannot be so many, the number of blocks that there can be.
    """
    order, cuts = _cuts(times, groups)
    if len(cuts) < folds:
        return len(cuts) + 1
    n = len(times)
    first = 0
    ends = []
    for fold in range(folds):
        wanted = n - (folds - fold) * (n // (folds + 1))
        free = cuts[first : len(cuts) - (folds - 1 - fold)]
        first += int(np.abs(free - wanted).argmin()) + 1
        ends.append(int(cuts[first - 1]))
    block = np.empty(n, np.int64)
    block[order] = np.searchsorted(ends, np.arange(n), side="right")
    return block < number, block == number


def _cuts(times: Ints, groups: Ints | None) -> tuple[Ints, Ints]:
    """The rows in the order of time, and the places before which they can be parted.

    Those before and those behind have no time and no group in common.
    """
    order = np.argsort(times, kind="stable")
    last = times
    if groups is not None:
        numbers = np.unique(groups, return_inverse=True)[1]
        of_group = np.full(int(numbers.max()) + 1, -1, np.int64)
        np.maximum.at(of_group, numbers, times)
        last = of_group[numbers]
    reached = np.maximum.accumulate(last[order])
    return order, 1 + np.flatnonzero(reached[:-1] < times[order][1:])
