"""What a training yields, and what it needs to continue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.records.arrays import Arrays, Floats, Ints

CONFUSION = "counts/confusion"
"""Of the arrays of a training, the confusion matrix of an epoch that is not over."""

MOST_THREADS = 1024
"""Of one operation on the CPU; whoever asks for more is mistaken."""


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
    """Other figures of an epoch, by their names in the history: Keras' own, custom ones, and
    diagnostics; none of an epoch that is under way."""


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

    custom: Mapping[str, float] = field(default_factory=dict)
    """Custom metrics, by name."""


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


@dataclass(frozen=True)
class Cursor:
    """Where in which epoch a training is, and what it has summed up there."""

    epoch: Annotated[int, Ge(0)]
    """Epochs that are done."""

    step: Annotated[int, Ge(0)]
    """Steps of the next epoch that are done."""

    loss_sum: float
    """Of the rows of these steps."""

    top_k_hits: Annotated[int, Ge(0)]
    """Of the rows of these steps those whose class was among the k likeliest."""


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All there is to know to continue training as if never stopped."""

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
