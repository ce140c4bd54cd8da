"""What a training knows of its rows, kept in the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.suspects import looks_like
from mtrain.run.learning import write_learning
from mtrain.run.suspects import write_suspects

if TYPE_CHECKING:
    from mtrain.records.arrays import Ints
    from mtrain.training.training import Training


def count_never_learned(training: Training) -> Ints | None:
    """How many training rows of each class, shape (K,), were seen and never right, if it is known."""
    if (learned := training.trainer.learned_rows()) is None:
        return None
    labels = learned.labels[learned.never_learned]
    return np.bincount(labels, minlength=len(training.recorder.history.classes))


def keep_learned_rows(training: Training, classes: tuple[str, ...]) -> None:
    """Write when each training row was learned, and those whose label is likely wrong, if it is known."""
    if (learned := training.trainer.learned_rows()) is None:
        return
    write_learning(training.run.learning, learned, classes)
    rows = learned.never_learned
    scores = training.trainer.predict_training(rows)
    like = looks_like(learned.labels[rows], scores)
    write_suspects(training.run.suspects, learned, classes, rows, like)
