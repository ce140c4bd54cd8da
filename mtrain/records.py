"""What one room hands another: plain arrays and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
Shapes = dict[str, tuple[str, tuple[int, ...]]]
"""Of arrays by name: the name of the type, and the shape."""


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to train, validate or test on."""

    features: NDArray[np.uint8] | NDArray[np.float32]
    """Shape (N, D)."""

    labels: NDArray[np.int32]
    """Class index of each row, shape (N,)."""

    rows: Ints
    """Where each row stands in the file it came from, counted from 0; shape (N,)."""

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, positions: Ints) -> Split:
        """The rows at `positions`, in that order."""
        return Split(self.features[positions], self.labels[positions], self.rows[positions])


@dataclass(frozen=True, eq=False)
class Dataset:
    """The splits of an experiment, ready to be fed to a model."""

    classes: tuple[str, ...]
    train: Split
    val: Split | None
    test: Split
    divisor: float | None
    """What the model's input is divided by as it is read; None: nothing."""

    scaler: Arrays
    """What scaling learned from the training split, by name; empty where it learns nothing."""

    sha256: str
    """Of all features and labels as they were read, before any was drawn or scaled."""

    source: str
    """Where the data was found."""

    def split(self, name: str) -> Split | None:
        """The split called `train`, `val` or `test`."""
        return {"train": self.train, "val": self.val, "test": self.test}[name]


@dataclass(frozen=True, eq=False)
class Tally:
    """What one pass over a split's rows counted."""

    loss: float
    """Mean over the rows, penalties included."""

    confusion: Ints
    """Rows of true class i predicted as j; shape (K, K)."""

    top_k: int | None = None
    """Rows whose true class was among the k likeliest, where the run counts them."""


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
    """Mean over the rows, penalties included."""


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
    """All there is to know to go on training as if never stopped."""

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
