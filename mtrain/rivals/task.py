"""What rivals learn from, and what they predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats
    from mtrain.records.dataset import Dataset, Encoding
    from mtrain.records.rivals import RivalName


@dataclass(frozen=True, eq=False)
class RivalTask:
    """The rows of a data set, and which rivals to train on them."""

    names: Sequence[RivalName]
    inputs: NDArray[np.uint8] | NDArray[np.float32]
    """Of the training rows, as the network has them before it divides them; shape (N, D)."""

    labels: NDArray[np.int32]
    weights: Floats | None
    others: Mapping[str, NDArray[np.uint8] | NDArray[np.float32]]
    """The inputs of the rows to predict, by split."""

    divisor: float | None
    """By which a network divides its inputs; None: it does not."""

    categories: Sequence[slice]
    """The inputs of each column that has several, of which at most one is 1."""

    n_classes: int
    seed: int


def make_task(names: Sequence[RivalName], dataset: Dataset, seed: int) -> RivalTask:
    """The task on the training rows of a data set, its validation and its test."""
    train = dataset.train
    return RivalTask(
        names,
        train.features,
        train.labels,
        train.weights,
        {name: rows.features for name, rows in dataset.splits.items() if name != "train"},
        dataset.encoding.divisor,
        tuple(_categories(dataset.encoding)),
        len(dataset.classes),
        seed,
    )


def _categories(encoding: Encoding) -> Iterator[slice]:
    at = 0
    for column in encoding.columns:
        if column.kind != "number":
            yield slice(at, at + column.width)
        at += column.width
