"""What a training yields, and its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Ge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mtrain.records.arrays import Arrays, Floats, Ints

CONFUSION = "counts/confusion"
"""The array of a training with the confusion matrix of an unfinished epoch."""

OF_ROWS = "counts/rows/"
"""The prefix of the arrays of a training with what is known of each row."""

SEEN = f"{OF_ROWS}seen"
"""The one with how often each row was learned from; most often so often as every other."""

ROWS = "rows"
"""The diagnostic of when each training row was learned and forgotten."""

ROWS_A_CALL = 2048
"""Rows predicted by one call, of any split and for any batch size of training: an evaluation repeats
a validation's figures to the last bit because both predict the same pieces. Larger pieces gain
little, and take more memory."""

MOST_THREADS = 1024
"""The most threads of one operation on the CPU that may be set."""


@dataclass(frozen=True, eq=False)
class Tally:
    """The counts of one pass over a split's rows."""

    loss: float
    """Mean over the rows, each times its weight, penalties included."""

    confusion: Ints
    """Rows of true class i predicted as j; shape (K, K)."""

    top_k: int | None = None
    """Rows whose true class was among the k most probable, if the run counts them."""

    scalars: Mapping[str, float] = field(default_factory=dict)
    """Other figures of an epoch, by their names in the history: of Keras' metrics, custom ones, and
    diagnostics; empty during an epoch."""

    per_class: Mapping[str, Floats] = field(default_factory=dict)
    """Other figures of an epoch and every class, each of shape (K,), by their names in the history;
    empty during an epoch."""


@dataclass(frozen=True)
class NeverLearned:
    """A training row that was never right."""

    row: int
    """Where it stands in the data."""

    file: str | None
    """Its name, an image's file; None: rows have no names."""

    true: str
    """Its class."""

    like: str
    """The most probable other class."""

    margin: float
    """Its mean margin, below 0."""


@dataclass(frozen=True, eq=False)
class LearnedRows:
    """What is known of each of N training rows; all of shape (N,)."""

    rows: Ints
    """Where it stands in the data."""

    names: NDArray[np.str_] | None
    """Its name, an image's file; None: rows have no names."""

    labels: NDArray[np.int32]
    """Its class."""

    learned_in: NDArray[np.int32]
    """The epoch in which it was right first; 0: never."""

    times_forgotten: NDArray[np.int32]
    """How often it was wrong after it had been right the time before."""

    is_right: NDArray[np.bool_]
    """Whether it was right the last time."""

    margins: NDArray[np.float32]
    """Its mean margin: the logarithm of the probability of its class over that of the most probable
    other one, each time it was learned from. NaN for a row that never was."""

    @property
    def never_learned(self) -> Ints:
        """Positions of the rows that were seen and never right, the lowest mean margin first."""
        rows = np.flatnonzero((self.learned_in == 0) & ~np.isnan(self.margins))
        order: Ints = rows[np.argsort(self.margins[rows], kind="stable")]
        return order


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model's predictions for each row of a split."""

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

    custom: Mapping[str, float] = field(default_factory=dict)
    """Custom metrics, by name."""

    groups: Ints | None = None
    """The number of each row's group, shape (N,); None: rows have no groups."""

    rivals: Mapping[str, Ints] = field(default_factory=dict)
    """The class that each rival predicts, shape (N,), by its name."""

    sets: NDArray[np.bool_] | None = None
    """Which classes are in the prediction set of each row, shape (N, K); None: there are no sets."""


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
    """The counts of this epoch so far."""


@dataclass(frozen=True, eq=False)
class EpochRecord:
    """An epoch is done."""

    epoch: int
    """Counted from 1."""

    learning_rate: float
    """The learning rate of the epoch's last step."""

    train: Tally
    """Gathered while the weights moved."""

    val: Predictions | None
    """With the weights at the end of the epoch."""


@dataclass(frozen=True)
class Cursor:
    """A training's position in an epoch, and its sums so far."""

    epoch: Annotated[int, Ge(0)]
    """Epochs that are done."""

    step: Annotated[int, Ge(0)]
    """Steps of the next epoch that are done."""

    loss_sum: float
    """The loss summed over the rows of these steps."""

    top_k_hits: Annotated[int, Ge(0)]
    """Rows of these steps whose class was among the k most probable."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """The complete state, to continue training as if it had not been interrupted."""

    arrays: Arrays
    """Every variable (weights, optimizer, generators), and the counts of the epoch under way."""

    cursor: Cursor


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
