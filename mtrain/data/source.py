"""What every source of data returns: rows as read, checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError, SettingError
from mtrain.records.dataset import SPLITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from mtrain.data.table import Table
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.dataset import Encoding

MOST_CLASSES = 10_000


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as read."""

    features: NDArray[Any] | Table
    """Shape (N, ...)."""

    labels: NDArray[np.int32]
    """Class index of each row, shape (N,)."""

    rows: Ints
    """Position of each row in the source, counted from 0; shape (N,)."""

    weights: Floats | None = None
    """The weight of each row, shape (N,); None: all weigh the same."""

    names: NDArray[np.str_] | None = None
    """The name of each row, an image's file, shape (N,); None: rows have no names."""

    place: Callable[[int], str] | None = None
    """Gives the file and place of one of `rows`; None: unknown."""

    groups: Ints | None = None
    """The number of each row's group, shape (N,), in all splits the same; None: there are none."""

    times: Ints | None = None
    """The place of each row's time in their order, shape (N,); None: they have none."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: Ints) -> Rows:
        """The rows at `positions`, in that order."""

        def some(array: Any) -> Any:
            return None if array is None else array[positions]

        return Rows(
            self.features[positions],
            self.labels[positions],
            self.rows[positions],
            some(self.weights),
            some(self.names),
            self.place,
            some(self.groups),
            some(self.times),
        )


@dataclass(frozen=True)
class Request:
    """How to read data from any source."""

    memory: int
    """Bytes that the data may take."""

    encoding: Encoding | None = None
    """The encoding of the model that these rows are for; None: they are for training."""

    takes_others: bool = False
    """Whether arrays may be of a test split only."""

    progress: bool = False
    """Whether a bar is shown while something is downloaded."""

    download: bool = False
    """Whether data that are not on this machine may be downloaded."""


@dataclass(frozen=True, eq=False)
class Source:
    """A data set as read: nothing drawn, split or encoded."""

    train: Rows
    val: Rows | None
    """None if the data has no validation split."""

    test: Rows | None
    """None if the data has no test split."""

    classes: tuple[str, ...]
    largest: float | None
    """The largest value a feature can have; None: no limit."""

    where: str
    """The place of the data."""

    notes: tuple[str, ...] = ()
    """Notes on how it was read."""

    facts: tuple[str, ...] = ()
    """How it was read, where nothing is wrong."""

    index: tuple[str, ...] = ()
    """Columns that are the index of the pandas table from which the file was written."""

    is_counted: bool = False
    """Whether its labels are numbers that count the classes of the config, which have names."""

    @property
    def splits(self) -> dict[str, Rows]:
        """The splits in the data: `train`, and perhaps `val` and `test`."""
        splits = {"train": self.train, "val": self.val, "test": self.test}
        return {name: rows for name, rows in splits.items() if rows is not None}


def checked_rows(
    features: NDArray[Any],
    labels: NDArray[Any],
    where: str,
    name: str,
    weights: NDArray[Any] | None = None,
) -> Rows:
    """Features and integer labels of the split called `name`, checked.

    `features` has shape (N, ...) and any numeric type, `labels` shape (N,) or, one-hot, (N, K).
    Raises `MtrainError` naming `where` for numbers that differ, no rows, labels that are not 0, 1,
    2, ..., and NaN or infinity.
    """
    name = SPLITS.get(name, name)
    if labels.ndim == 2 and labels.shape[1] == 1:  # as Keras has those of CIFAR-10
        labels = labels[:, 0]
    if features.ndim < 2:
        raise MtrainError(
            f"{name} rows must be arrays of values, got {features.shape}", where=where
        )
    if labels.dtype.kind not in "iufb" or labels.ndim not in {1, 2}:
        kind = labels.dtype if labels.dtype.kind not in "iufb" else labels.shape
        raise MtrainError(f"{name} labels must be numbers, one a row, got {kind}", where=where)
    if len(features) != len(labels):
        raise MtrainError(
            f"{len(features):,} {name} rows but {len(labels):,} {name} labels", where=where
        )
    if features.size == 0:
        raise MtrainError(f"the {name} split is empty", where=where)
    return Rows(
        _finite(features, where, name),
        _class_indices(labels, where, name),
        np.arange(len(labels)),
        None if weights is None else checked_weights(weights, len(labels), f"{where}: {name}"),
    )


def counted_from(labels: NDArray[Any], offset: int, where: str, name: str) -> NDArray[Any]:
    """Labels as 0, 1, 2, ..., given from `offset` on; one-hot labels as they are.

    Raises `SettingError` for a label below it.
    """
    if offset == 0 or labels.dtype.kind not in "iufb" or (labels.ndim > 1 and labels.shape[1] > 1):
        return labels
    # As signed numbers of 64 bits: bytes below 0 would be large.
    moved = labels - (float(offset) if labels.dtype.kind == "f" else np.int64(offset))
    if labels.size and (moved < 0).any():
        problem = f"is {offset}, but a {SPLITS[name]} label of {where} is {labels.min()}"
        raise SettingError((("dataset", "offset"), problem))
    return moved


def offset_note(splits: Mapping[str, Rows], offset: int, where: str) -> tuple[str, ...]:
    """A note if no row has the first class."""
    least = min(int(rows.labels.min()) for rows in splits.values())
    if least == 0:
        return ()
    smallest = least + offset
    return (
        f"{where}: the smallest label is {smallest}; dataset.offset: {smallest} makes it the first",
    )


def check_alike(splits: dict[str, Rows], where: str) -> None:
    """Raise `MtrainError` if arrays of two splits differ in shape or type."""
    (first, train), *others = ((SPLITS[name], rows) for name, rows in splits.items())
    for name, rows in others:
        ours, theirs = train.features, rows.features
        if isinstance(ours, np.ndarray) and isinstance(theirs, np.ndarray):
            if ours.shape[1:] != theirs.shape[1:]:
                raise MtrainError(
                    f"{first} rows have the shape {ours.shape[1:]}, {name} rows {theirs.shape[1:]}",
                    where=where,
                )
            if (ours.dtype == np.uint8) != (theirs.dtype == np.uint8):
                raise MtrainError(
                    f"{first} rows are {ours.dtype}, {name} rows {theirs.dtype}; both "
                    "must be bytes, or neither",
                    where=where,
                )


def all_from_test(splits: dict[str, Rows]) -> dict[str, Rows]:
    """The splits; without a training split, the test rows as all rows."""
    return splits if "train" in splits else {"train": splits["test"]}


def refuse_second_split(name: str, splits: Iterable[str], path: str) -> None:
    """Raise `SettingError` if a separate path would hide the split `val` or `test` of `path`."""
    if name in splits:
        problem = f"{path} has a {SPLITS[name]} split"
        raise SettingError((("dataset", f"{name}_path"), problem))


def checked_weights(weights: NDArray[Any], rows: int, where: str) -> Floats:
    """Weights of so many rows; raises `MtrainError` for values that cannot be weights."""
    if weights.shape != (rows,) or weights.dtype.kind not in "iufb":
        raise MtrainError(
            f"{where} weights must be one number a row, got {weights.dtype} {weights.shape}"
        )
    wrong = np.flatnonzero(~((weights >= 0) & (weights <= np.finfo(np.float32).max)))
    if len(wrong):
        raise MtrainError(
            f"{where} weights must be finite and not negative, got {weights[wrong[0]]} in row "
            f"{wrong[0]}"
        )
    if not weights.any():
        raise MtrainError(f"{where} weights are all 0")
    return weights.astype(np.float64)


def sorted_names(names: set[str]) -> tuple[str, ...]:
    """Whole numbers as numbers, everything else as text."""
    return tuple(sorted(names, key=int) if all(map(is_whole, names)) else sorted(names))


def class_places(classes: tuple[str, ...], labels: set[str]) -> dict[str, int]:
    """Class indices by label: `labels` are names of classes, or count them."""
    if are_counted(classes, labels):
        return {str(index): index for index in range(len(classes))}
    return {name: index for index, name in enumerate(classes)}


def are_counted(classes: tuple[str, ...], labels: set[str]) -> bool:
    """Whether labels are numbers that count the classes, which have other names.

    Classes whose names are numbers are never counted: index 1 would be another class than `1`.
    """
    return all(map(is_whole, labels)) and counts_classes(classes)


def counts_classes(classes: tuple[str, ...] | None) -> bool:
    """Whether labels that are numbers count these classes of a config."""
    return classes is not None and not any(map(is_whole, classes))


def is_whole(name: str) -> bool:
    """Whether the text is a whole number as Python writes it, of up to 20 digits as 64 bits have."""
    return re.fullmatch(r"0|-?[1-9][0-9]{0,19}", name) is not None


def largest_value(rows: Rows) -> float | None:
    """255 of bytes; None of other numbers."""
    is_bytes = isinstance(rows.features, np.ndarray) and rows.features.dtype == np.uint8
    return 255.0 if is_bytes else None


def number_of_classes(labels: list[NDArray[np.int32]], where: str) -> int:
    """One more than the largest label; raises `MtrainError` for more than one can train."""
    largest = max(int(split_labels.max()) for split_labels in labels)
    if largest >= MOST_CLASSES:
        raise MtrainError(
            f"a label is {largest:,}; there can be {MOST_CLASSES:,} classes",
            where=where,
            remedy="count them from 0, or write them as text",
        )
    return largest + 1


def _finite(features: NDArray[Any], where: str, name: str) -> NDArray[Any]:
    """Bytes as they are, other numbers as a float that holds them, each finite as a float32."""
    if features.dtype == np.uint8:
        return features
    if features.dtype.kind not in "iufb":
        raise MtrainError(f"{name} rows must be numbers, got {features.dtype}", where=where)
    with np.errstate(over="ignore"):
        bad = ~np.isfinite(features.astype(np.float32))
    if bad.any():
        row, *place = np.unravel_index(int(bad.argmax()), bad.shape)
        at = f"pixel {place[0]}" if len(place) == 1 else f"place {tuple(int(p) for p in place)}"
        raise MtrainError(
            f"{name} rows: {features[row, *place]} in row {row}, {at}; {bad.sum():,} "
            "values are not finite as float32",
            where=where,
        )
    return features.astype(np.result_type(features.dtype, np.float32), copy=False)


def _class_indices(labels: NDArray[Any], where: str, name: str) -> NDArray[np.int32]:
    if labels.ndim == 2:
        ones = labels == 1
        wrong = np.flatnonzero((ones.sum(axis=1) != 1) | ((labels != 0) & ~ones).any(axis=1))
        if len(wrong):
            raise MtrainError(
                f"{name} labels must be one number a row, or one-hot, got "
                f"{labels[wrong[0]]} in row {wrong[0]}",
                where=where,
            )
        indices: NDArray[np.int32] = ones.argmax(axis=1).astype(np.int32)
        return indices
    with np.errstate(invalid="ignore"):
        whole: NDArray[np.int32] = labels.astype(np.int32)
    wrong = np.flatnonzero((whole != labels) | (whole < 0))
    if len(wrong):
        raise MtrainError(
            f"{name} labels must be 0, 1, 2, ..., got {labels[wrong[0]]} in row {wrong[0]}",
            where=where,
        )
    return whole
