"""Labels changed on purpose, to count how many of them the lists of suspects find."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.keys import random_keys
from mtrain.errors import UsageError
from mtrain.keywords import option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Dataset

USUAL_SHARE = 0.05
"""The share of labels that is flipped if nobody names another one."""


def share_to_flip(flip: float | None, *, suspects: bool) -> float | None:
    """The share to flip, in (0, 0.5), if `suspects` are tried; None: they are not.

    Raises `UsageError` for another share, and for one without `suspects`.
    """
    if flip is None:
        return USUAL_SHARE if suspects else None
    if not suspects:
        raise UsageError(f"needs {option('suspects')}", where=option("flip"))
    if not 0 < flip < 0.5:
        raise UsageError(f"must be above 0 and below 0.5, got {flip}", where=option("flip"))
    return flip


def flip_labels(dataset: Dataset, share: float, seed: int) -> Dataset:
    """The data set with a share of each split's labels flipped, at least one.

    Rows are drawn without replacement. Each gets another class; all classes that have training rows
    are equally likely. Validation is flipped, too, because wrong labels there would choose the epoch
    as well. Raises `UsageError` if there is no other class, or if training is left with one class.
    """
    classes: Ints = np.flatnonzero(np.bincount(dataset.train.labels))
    if len(classes) < 2:
        problem = f"{dataset.source}: all training rows are of one class"
        raise UsageError(problem, where=option("suspects"))
    splits = {
        name: replace(rows, labels=_flipped(rows.labels, classes, share, seed, name))
        for name, rows in dataset.splits.items()
    }
    changed = replace(dataset, splits=splits)
    if len(np.unique(changed.train.labels)) < 2:
        n = len(dataset.train)
        problem = (
            f"{dataset.source}: {n:,} training rows are too few: flipped, all are of one class"
        )
        raise UsageError(problem, where=option("suspects"))
    return changed


def _flipped(
    labels: NDArray[np.int32], classes: Ints, share: float, seed: int, split: str
) -> NDArray[np.int32]:
    """A copy of the labels (N,), a share of them replaced by others of `classes` (P,)."""
    n = len(labels)
    drawn = np.argsort(random_keys(n, seed, ("flipped", split)), kind="stable")
    drawn = drawn[: max(1, round(share * n))]
    keys = random_keys(n, seed, ("flipped", split, "class"))[drawn]
    places = np.searchsorted(classes, labels[drawn])
    places = np.minimum(places, len(classes) - 1)
    is_among = classes[places] == labels[drawn]
    # From 1 to P - 1 places further on, so never at its own; all P for a class that is not among them.
    steps = np.where(
        is_among, 1 + keys % np.uint64(len(classes) - 1), keys % np.uint64(len(classes))
    )
    changed = labels.copy()
    changed[drawn] = classes[(places + steps.astype(np.int64)) % len(classes)]
    return changed
