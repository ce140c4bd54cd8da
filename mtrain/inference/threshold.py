"""The probability above which the second of two classes is predicted: the run's, or another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.epoch import THRESHOLD
from mtrain.metrics.thresholds import fewest_rows
from mtrain.records.report import ThresholdChoice
from mtrain.statistics.binomial import trials_to_show

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.config.experiment.evaluation import ThresholdRule
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
    rule = evaluation.rule
    choice = ThresholdChoice(rule.by, "val", rule.at_least, confidence=rule.confidence)
    if (ensemble := saved.ensemble) is not None:
        if ensemble.threshold is None:
            return DEFAULT_THRESHOLD, replace(choice, failed=ensemble.failed)
        return ensemble.threshold, choice
    if not history.epoch:
        return DEFAULT_THRESHOLD, replace(choice, failed="no epoch is done yet")
    choice = replace(choice, epoch=history.epoch[-1])
    if THRESHOLD not in history.scalars:
        raise MtrainError(f"its history lacks {THRESHOLD}, which its config asks for", where=path)
    threshold = history.scalars[THRESHOLD][-1]
    if np.isnan(threshold):
        counts = history.counts["val"]
        tp, fp, fn = (int(counts[name][-1][1]) for name in ("tp", "fp", "fn"))
        level = rule.level(len(history.epoch))
        return DEFAULT_THRESHOLD, replace(choice, failed=why_none(rule, level, tp, fp, fn))
    if not 0 <= threshold <= 1:
        raise MtrainError(f"{THRESHOLD} must be between 0 and 1, got {threshold}", where=path)
    return threshold, choice


def why_none(rule: ThresholdRule, level: float | None, tp: int, fp: int, fn: int) -> str:
    """Why no threshold could be chosen at this `level`, from the counts of the validation at 0.5."""
    if not tp + fn:
        return "there is no row of this class"
    if level is None or rule.at_least is None:
        return "no threshold reaches it there"
    fewest = fewest_rows(rule.by, rule.at_least, level)
    if rule.by == "recall" and tp + fn < fewest:
        return f"there are {tp + fn:,} rows of this class, and a promise takes at least {fewest:,}"
    none = "no threshold is shown to reach it there"
    if rule.by == "precision" and tp > rule.at_least * (tp + fp):
        needed = float(trials_to_show(rule.at_least, tp / (tp + fp), level))
        return f"{none}; with the precision at 0.5, about {needed:,.0f} predicted rows would do"
    return f"{none}; a promise takes at least {fewest:,} predicted rows, of which one may be wrong"
