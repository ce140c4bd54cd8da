"""Rows to learn from, and how they became inputs of a model."""

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
"""What the values of a column are."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to train, validate or test on."""

    features: NDArray[np.uint8] | NDArray[np.float32]
    """Shape (N, D)."""

    labels: NDArray[np.int32]
    """Class index of each row, shape (N,)."""

    rows: Ints
    """Where each row stands in what it was read from, counted from 0; shape (N,)."""

    weights: Floats | None = None
    """What each row counts in the loss and in the weighted figures, shape (N,), from 0; None: the
    same."""

    names: NDArray[np.str_] | None = None
    """What each row is called, an image's file, shape (N,); None: rows have no names."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def rows_sha256(self) -> str:
        """SHA-256 of `rows`, by which a split that is drawn again is known to be the same."""
        return hashlib.sha256(np.ascontiguousarray(self.rows, "<i8").data).hexdigest()


@dataclass(frozen=True)
class Column:
    """A column of a table as inputs of a model: one of a number, else one a category."""

    name: str
    kind: Kind

    fill: float | None = None
    """What stands for a missing number; None: nothing may be missing."""

    categories: tuple[str, ...] = ()
    """Those of the training split, sorted; any other is none of them: all its inputs are 0."""

    constant: float | None = None
    """The number that every training row has, of which nothing could be learned; None: they
    differ."""

    @property
    def width(self) -> int:
        """How many inputs it gives."""
        return 1 if self.kind == "number" else len(self.categories)


@dataclass(frozen=True)
class Encoding:
    """How rows, as they are read, become inputs of a model; learned from the training split."""

    shape: tuple[Annotated[int, Ge(1), Lt(2**31)], ...] = ()
    """Of a row that is an array, as it is read; of a row of a table nothing."""

    columns: tuple[Column, ...] = ()
    """Of a table, in the order of the inputs."""

    divisor: float | None = None
    """What the model's inputs are divided by as they are read; None: nothing."""

    mean: tuple[float, ...] = ()
    """What is taken from each input before it is divided by its deviation; empty: neither is."""

    deviation: tuple[float, ...] = ()

    is_bytes: bool = False
    """Whether rows that are arrays were of bytes."""

    largest: float | None = None
    """Of arrays of other numbers the largest of the training, without its sign."""

    @cached_property
    def n_features(self) -> int:
        """How many inputs a row gives."""
        if self.columns:
            return sum(column.width for column in self.columns)
        return math.prod(self.shape)


class Note(str):
    """A line worth saying of a data set, and of what kind it is."""

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
    """`test`, and as a rule `train`, and `val` where there is validation."""

    encoding: Encoding

    sha256: str
    """Of classes, features, labels and weights as they were read, before any was drawn."""

    source: str
    """Where the data was found."""

    parts: Mapping[str, str] = field(default_factory=dict)
    """As `sha256`, of each split that the data bring, `train`, `val` or `test`."""

    notes: tuple[str, ...] = ()
    """What is worth saying of it: classes without rows, rows left out, unknown categories."""

    @property
    def train(self) -> Split:
        """Rows to train on."""
        return self.splits["train"]

    @property
    def val(self) -> Split | None:
        """Rows to look at after each epoch."""
        return self.splits.get("val")

    @property
    def test(self) -> Split:
        """Rows to look at in the end."""
        return self.splits["test"]
