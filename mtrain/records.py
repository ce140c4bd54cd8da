"""What one room hands another: plain arrays and numbers."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Counts = Ints | Floats
"""Numbers of rows; sums of their weights where they have some."""
Arrays = dict[str, NDArray[Any]]
Shapes = dict[str, tuple[str, tuple[int, ...]]]
"""Of arrays by name: the name of the type, and the shape."""

CONFUSION = "counts/confusion"
"""Of the arrays of a training, the confusion matrix of an epoch that is not over."""

MOST_THREADS = 1024
"""Of one operation on the CPU; whoever asks for more is mistaken."""


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
    kind: str
    """`number`, `boolean` or `text`."""

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

    shape: tuple[int, ...] = ()
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
    """As `sha256`, of each split that the data bring, `training`, `validation` or `test`."""

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


@dataclass(frozen=True, eq=False)
class Tally:
    """What one pass over a split's rows counted."""

    loss: float
    """Mean over the rows, each times its weight, penalties included."""

    confusion: Ints
    """Rows of true class i predicted as j; shape (K, K)."""

    top_k: int | None = None
    """Rows whose true class was among the k likeliest, where the run counts them."""

    scalars: Mapping[str, float] = field(default_factory=dict)
    """Other figures of an epoch, by their names in the history: Keras' own, the user's, and what is
    tracked; none of an epoch that is under way."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of each row of a split."""

    labels: Ints
    """True class, shape (N,)."""

    predicted: Ints
    """Predicted class, shape (N,)."""

    probabilities: NDArray[np.float32]
    """Shape (N, K); each row sums to 1 within float32."""

    loss: float
    """Mean over the rows, each times its weight, penalties included."""

    weights: Floats | None = None
    """What each row counts in the weighted figures, shape (N,), from 0; None: the same."""

    own: Mapping[str, float] = field(default_factory=dict)
    """Metrics of the user's own, by name."""


@dataclass(frozen=True, eq=False)
class Progress:
    """A chunk of steps is done."""

    epoch: int
    """Counted from 1."""

    step: int
    """Steps done in this epoch."""

    steps: int
    """Steps in an epoch."""

    rows: int
    """Rows seen in this epoch."""

    tally: Tally
    """Of this epoch so far."""


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """An epoch is done."""

    epoch: int
    """Counted from 1."""

    learning_rate: float
    """Of the epoch's last step."""

    train: Tally
    """Gathered while the weights moved."""

    val: Predictions | None
    """With the weights at the end of the epoch."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All there is to know to continue training as if never stopped."""

    arrays: Arrays
    """Every variable (weights, optimizer, generators), and the counts of the epoch under way."""

    cursor: Mapping[str, Any]
    """How many epochs are done, how many steps of the next, and their sums: plain numbers."""


@dataclass(frozen=True)
class Layer:
    """A layer of a model, for its summary."""

    name: str
    kind: str
    """Its Keras class."""

    output_shape: tuple[int | None, ...]
    """None stands for the rows of a batch."""

    parameters: int
    trainable: int
    """How many of the parameters training changes."""


@dataclass(frozen=True)
class RunOutcome:
    """What has come of a run so far."""

    name: str
    """Its path below the folder that was listed."""

    started: str
    """ISO 8601, UTC."""

    dataset: str
    """The name of the data set, or of the file or folder of the user's own."""

    network: str
    """Its hidden layers, or the function that makes it."""

    epochs: int
    epochs_wanted: int
    best: tuple[str, float] | None
    """The figure by which the best epoch is chosen, and its value there; None without any."""

    higher_is_better: bool
    """Whether a higher value of that figure is better."""

    worst_class: tuple[str, float, str] | None
    """The class of the lowest F1 in the best epoch, its F1, and of which split, `val` or `train`;
    None before the first epoch."""

    state: str
    """`finished`, `finished, not reported`, `stopped by SIGINT`, `diverged`, `failed`, `running` or
    `killed`."""

    settings: Mapping[str, Any]
    """All of its config by dotted key."""
