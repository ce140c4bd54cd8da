"""Folds of cross-validation: every row is tested in exactly one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.dataset import fold_numbers
from mtrain.data.keys import random_keys
from mtrain.data.time_order import fold_in_time
from mtrain.data.whole_groups import grouped_folds, groups_of
from mtrain.errors import SettingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.records.arrays import Ints

SECTION = ("dataset", "fold")


def take_fold(split: Rows, fold: str, seed: int) -> tuple[Rows, Rows]:
    """The rows of all other folds, and those of `fold`, `i/k`; both in their order.

    Of rows with times, only those before the fold are trained on.
    Raises `SettingError` for more folds than rows, or than groups where rows have such.
    """
    number, folds = fold_numbers(fold)
    if split.times is not None:
        parted = fold_in_time(split.times, split.groups, number, folds)
        if isinstance(parted, int):
            problem = (
                f"{folds:,} folds in the order of time need {folds + 1:,} blocks of rows with no time "
                f"or group in common; there are {parted:,}"
            )
            raise SettingError((SECTION, problem))
        return split.take(np.flatnonzero(parted[0])), split.take(np.flatnonzero(parted[1]))
    if split.groups is None:
        n, things = len(split), "rows"
    else:
        n, things = len(np.unique(split.groups)), "groups"
    if folds > n:
        raise SettingError((SECTION, f"{folds:,} folds of {n:,} {things} leave a fold empty"))
    if split.groups is None:
        fold_of = stratified_folds(split.labels, folds, seed)
    else:
        of = groups_of(split.labels, split.groups)
        fold_of = grouped_folds(of, folds, random_keys(n, seed, (*SECTION, "group")))[of.numbers]
    goes = fold_of == number - 1
    return split.take(np.flatnonzero(~goes)), split.take(np.flatnonzero(goes))


def stratified_folds(labels: NDArray[np.int32], folds: int, seed: int) -> Ints:
    """The fold of each row, from 0; shape (N,).

    Rows are dealt to the folds in turn, class by class, each class in the order of its hashed
    counters: of a class no fold has more than one row more than another, nor in all.
    """
    keys = random_keys(len(labels), seed, SECTION)
    dealt = np.empty(len(labels), np.int64)
    dealt[np.lexsort((keys, labels))] = np.arange(len(labels)) % folds
    return dealt
