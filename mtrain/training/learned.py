"""What a training knows of its rows, kept in the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.metrics.suspects import looks_like
from mtrain.run.learning import write_learning, write_suspects

if TYPE_CHECKING:
    from mtrain.training.training import Training


def keep_learned_rows(training: Training, classes: tuple[str, ...]) -> None:
    """Write when each training row was learned, and those whose label is likely wrong, if it is known."""
    if (learned := training.trainer.learned_rows()) is None:
        return
    write_learning(training.run.learning, learned, classes)
    rows = learned.never_learned
    scores = training.trainer.predict_training(rows)
    like = looks_like(learned.labels[rows], scores)
    write_suspects(training.run.suspects, learned, classes, rows, like)
