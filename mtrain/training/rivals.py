"""The rivals of a training: which there are, and what they leave in the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.metrics.thresholds import threshold_of
from mtrain.records.rivals import RIVALS
from mtrain.rivals.task import make_task
from mtrain.run.rivals import write_rivals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.config.experiment.evaluation import EvaluationConfig
    from mtrain.config.experiment.schema import Config
    from mtrain.records.dataset import Dataset
    from mtrain.records.rivals import RivalName, TrainedRival
    from mtrain.records.run import Environment
    from mtrain.rivals.task import RivalTask
    from mtrain.run.directory import RunDirectory

MOST_ROWS, MOST_INPUTS = 1_000_000, 1_000
"""Of the largest table that has rivals unasked."""

WHERE = {"path", "val_path", "test_path"}
"""Settings of the data that say where they are: the hash of the data tells whether they are the same."""


def rival_names(config: Config, dataset: Dataset) -> tuple[RivalName, ...]:
    """The rivals that are asked for, or that such data have."""
    if config.evaluation.rivals != "auto":
        return config.evaluation.rivals
    n_rows, n_inputs = len(dataset.train), dataset.encoding.n_features
    if not dataset.encoding.columns or n_rows > MOST_ROWS or n_inputs > MOST_INPUTS:
        return ()
    return tuple(RIVALS)


def rival_task(config: Config, dataset: Dataset) -> RivalTask | None:
    """What these rivals learn from; None: there are none."""
    names = rival_names(config, dataset)
    # By the seed of the data: networks that differ in theirs have the same rivals.
    return make_task(names, dataset, config.dataset.seed) if names else None


def learned_from(config: Config, environment: Environment) -> dict[str, str]:
    """All that decides what rivals predict, a text each by name."""
    return {
        "rivals": str(config.evaluation.rivals),
        "threshold": str(config.evaluation.threshold),
        "dataset": config.dataset.model_dump_json(exclude=WHERE),
        "class_weight": str(config.training.class_weight),
        "scikit-learn": str(environment.versions["scikit-learn"]),
        **{f"data.{name}": sha256 for name, sha256 in environment.data.items() if name != "source"},
        **{f"splits.{name}": sha256 for name, sha256 in environment.splits.items()},
    }


def keep_rivals(
    run: RunDirectory,
    rivals: Sequence[TrainedRival],
    config: Config,
    dataset: Dataset,
    environment: Environment,
) -> None:
    """Write what rivals predict, each with its threshold, into the run."""
    rows = {name: rows.rows for name, rows in dataset.splits.items() if name != "train"}
    rivals = with_thresholds(rivals, config.evaluation, dataset)
    write_rivals(run.rivals, rivals, rows, learned_from(config, environment))


def with_thresholds(
    rivals: Sequence[TrainedRival], config: EvaluationConfig, dataset: Dataset
) -> list[TrainedRival]:
    """Each with the threshold that the network would choose by its rule from these predictions."""
    return [replace(one, threshold=_threshold(one, config, dataset)) for one in rivals]


def _threshold(rival: TrainedRival, config: EvaluationConfig, dataset: Dataset) -> float | None:
    """None: 0.5."""
    if len(dataset.classes) != 2 or rival.problem is not None:
        return None
    if dataset.val is None:  # there is no rule then
        return None if config.number == DEFAULT_THRESHOLD else config.number
    of_val = rival.probabilities["val"]
    threshold = threshold_of(dataset.val.labels == 1, of_val[:, 1], config, epoch=1)
    return None if np.isnan(threshold) or threshold == DEFAULT_THRESHOLD else threshold
