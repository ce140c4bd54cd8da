"""Rows of a data set, and their encoding as inputs of a model."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from annotated_types import Ge, Lt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints


SPLITS = {"train": "training", "val": "validation", "test": "test"}
"""The splits in words."""

Kind = Literal["number", "boolean", "text"]
"""The kinds of a column's values."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to train, validate or test on."""

    features: NDArray[np.uint8] | NDArray[np.float32]
    """Shape (N, D)."""

    labels: NDArray[np.int32]
    """Class index of each row, shape (N,)."""

    rows: Ints
    """Position of each row in its source, counted from 0; shape (N,)."""

    weights: Floats | None = None
    """The weight of each row in the loss and in weighted figures, (N,), from 0; None: equal."""

    names: NDArray[np.str_] | None = None
    """The name of each row, an image's file, shape (N,); None: rows have no names."""

    groups: Ints | None = None
    """The number of each row's group, shape (N,), in all splits of a data set the same; None: rows
    have no groups."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rows_sha256(self) -> str:
        """SHA-256 of `rows`, to recognise the same split when it is drawn again."""
        return hashlib.sha256(np.ascontiguousarray(self.rows, "<i8").data).hexdigest()


@dataclass(frozen=True)
class Column:
    """A column of a table as inputs of a model: one for a number, else one a category.

    One more is of all `rare` categories, if there are any, and the last is its flag.
    """

    name: str
    kind: Kind

    fill: float | None = None
    """The replacement of a missing number; None: no number may be missing."""

    categories: tuple[str, ...] = ()
    """The categories of the training split that are not `rare`, sorted; all inputs of a category unseen in
    training are 0."""

    rare: tuple[str, ...] = ()
    """The categories of few training rows, sorted, which share an input; the others' are before it."""

    constant: float | None = None
    """The number that every training row has, from which nothing is learned; None: they differ."""

    knots: tuple[float, ...] = ()
    """The numbers, ascending, between which a number is mapped linearly to the `levels`; empty: it is not."""

    levels: tuple[float, ...] = ()

    is_flagged: bool = False
    """Whether its last input is 1 where the value is missing, and 0 elsewhere."""

    @property
    def width(self) -> int:
        """The number of its inputs."""
        n_values = 1 if self.kind == "number" else len(self.categories) + bool(self.rare)
        return n_values + self.is_flagged


@dataclass(frozen=True)
class Encoding:
    """The encoding of rows, as read, into inputs of a model; learned from the training split."""

    shape: tuple[Annotated[int, Ge(1), Lt(2**31)], ...] = ()
    """Shape of a row, as read, if it is an array; empty for a table."""

    columns: tuple[Column, ...] = ()
    """The columns of a table, in the order of the inputs."""

    divisor: float | None = None
    """The number by which the model divides its inputs; None: not divided."""

    mean: tuple[float, ...] = ()
    """The mean that is subtracted from each input before the division by its deviation; empty:
    neither."""

    deviation: tuple[float, ...] = ()

    is_robust: bool = False
    """Whether, of numbers of a table, `mean` holds the medians and `deviation` the spreads; scaled
    numbers are then clipped smoothly to ±3."""

    is_bytes: bool = False
    """Whether arrays were of bytes."""

    largest: float | None = None
    """The largest absolute value of training, for arrays of other numbers."""

    @cached_property
    def n_features(self) -> int:
        """The number of inputs of a row."""
        if self.columns:
            return sum(column.width for column in self.columns)
        return math.prod(self.shape)

    @property
    def is_quantile(self) -> bool:
        """Whether the numbers of a table are mapped by knots."""
        return any(column.knots for column in self.columns)


class Note(str):
    """A line of text about a data set, with its kind."""

    __slots__ = ("kind",)

    kind: str
    """The name by which `mtrain check --allow` knows it."""

    def __new__(cls, kind: str, text: str) -> Self:
        """The line `text`, of this kind."""
        note = super().__new__(cls, text)
        note.kind = kind
        return note


@dataclass(frozen=True, eq=False)
class Dataset:
    """The splits of an experiment, ready to be fed to a model."""

    classes: tuple[str, ...]
    splits: Mapping[str, Split]
    """`test`, usually `train`, and `val` if there is validation."""

    encoding: Encoding

    sha256: str
    """Hash of classes, features, labels, weights and groups as read, before rows are drawn."""

    source: str
    """Where the data was found."""

    parts: Mapping[str, str] = field(default_factory=dict)
    """Like `sha256`, for each split in the data, `train`, `val` or `test`."""

    notes: tuple[str, ...] = ()
    """Notes on it: classes without rows, rows left out, unknown categories."""

    @property
    def train(self) -> Split:
        """Rows to train on."""
        return self.splits["train"]

    @property
    def val(self) -> Split | None:
        """Rows for validation after each epoch."""
        return self.splits.get("val")

    @property
    def test(self) -> Split:
        """Rows for the test in the end."""
        return self.splits["test"]
