"""What every source of data hands on: rows as they were read, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError
from mtrain.records import Split

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as it was read: nothing drawn, split or scaled."""

    train: Split
    test: Split | None
    """None where the data brings no test split of its own."""

    classes: tuple[str, ...]
    largest: float
    """The largest value a feature can have."""

    where: str
    """Where it was found."""


def checked_split(features: NDArray[Any], labels: NDArray[Any], where: str, name: str) -> Split:
    """Flattened features and integer labels of one split, or what is wrong with them.

    `features` has shape (N, ...) and any numeric type, `labels` shape (N,). Raises `MtrainError`
    naming `where` for numbers that differ, no rows, no labels 0, 1, 2, ..., or NaN and infinity.
    """
    if labels.ndim != 1:
        raise MtrainError(f"{where}: {name} labels must be one number a row, got {labels.shape}")
    if features.ndim < 2:
        raise MtrainError(f"{where}: {name} images must be rows of pixels, got {features.shape}")
    if len(features) != len(labels):
        raise MtrainError(
            f"{where}: {len(features):,} {name} images but {len(labels):,} {name} labels"
        )
    if features.size == 0:
        raise MtrainError(f"{where}: the {name} split is empty")
    flat = features.reshape(len(features), -1)
    if flat.dtype != np.uint8:
        read = flat
        with np.errstate(over="ignore"):
            flat = read.astype(np.float32)
        bad = np.argwhere(~np.isfinite(flat))
        if len(bad):
            row, column = bad[0]
            raise MtrainError(
                f"{where}: {name} images: {read[row, column]} in row {row}, pixel {column}; "
                f"{len(bad):,} values are not finite as float32"
            )
    if labels.dtype.kind not in "iuf":
        raise MtrainError(f"{where}: {name} labels must be numbers, got {labels.dtype}")
    whole = labels.astype(np.int32)
    wrong = np.flatnonzero((whole != labels) | (whole < 0))
    if len(wrong):
        raise MtrainError(
            f"{where}: {name} labels must be 0, 1, 2, ..., got {labels[wrong[0]]} in row {wrong[0]}"
        )
    return Split(flat, whole, np.arange(len(labels)))
