"""The probability above which the second of two classes is predicted: the run's, or another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.epoch import THRESHOLD
from mtrain.records.report import ThresholdChoice

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.run.checkpoint import Checkpoint


def check_threshold(threshold: float | None) -> None:
    """Raise `UsageError` for a threshold that no checkpoint can have."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"must be between 0 and 1, got {threshold}", where=option("threshold"))


def check_two_classes(threshold: float | None, saved: Checkpoint) -> None:
    """Raise `UsageError` for a threshold of a checkpoint that can have none."""
    if threshold is not None and len(saved.classes) != 2:
        raise UsageError(
            f"is for two classes, this run has {len(saved.classes)}", where=option("threshold")
        )


def chosen_threshold(saved: Checkpoint, path: Path) -> tuple[float | None, ThresholdChoice | None]:
    """The run's threshold, None if it is 0.5, and how it was chosen, if it was."""
    evaluation, history = saved.config.evaluation, saved.history
    if len(saved.classes) != 2 or evaluation.threshold == DEFAULT_THRESHOLD:
        return None, None
    if evaluation.rule is None:
        return evaluation.number, None
    by, at_least = evaluation.rule
    choice = ThresholdChoice(by, "val", at_least)
    if not history.epoch:
        return DEFAULT_THRESHOLD, replace(choice, failed="no epoch is done yet")
    choice = replace(choice, epoch=history.epoch[-1])
    if THRESHOLD not in history.scalars:
        raise MtrainError(f"its history lacks {THRESHOLD}, which its config asks for", where=path)
    threshold = history.scalars[THRESHOLD][-1]
    if np.isnan(threshold):
        counts = history.counts["val"]
        present = counts["tp"][-1][1] + counts["fn"][-1][1] > 0
        why = "no threshold reaches it there" if present else "there is no row of this class"
        return DEFAULT_THRESHOLD, replace(choice, failed=why)
    if not 0 <= threshold <= 1:
        raise MtrainError(f"{THRESHOLD} must be between 0 and 1, got {threshold}", where=path)
    return threshold, choice
