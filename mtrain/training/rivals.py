"""The rivals of a training: which there are, and what they leave in the run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.evaluation import DEFAULT_THRESHOLD
from mtrain.metrics.thresholds import threshold_of
from mtrain.observer import Observer
from mtrain.records.rivals import RIVALS
from mtrain.rivals.task import make_task
from mtrain.run.rivals import write_rivals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mtrain.config.experiment.evaluation import EvaluationConfig
    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.records.dataset import Dataset
    from mtrain.records.rivals import RivalName, TrainedRival
    from mtrain.records.run import Environment
    from mtrain.rivals.process import RivalTraining
    from mtrain.rivals.task import RivalTask
    from mtrain.training.training import Training

MOST_ROWS, MOST_INPUTS = 1_000_000, 1_000
"""Of the largest table that has rivals unasked."""

PATHS = {"path", "val_path", "test_path"}
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
        "dataset": config.dataset.model_dump_json(exclude=PATHS),
        "class_weight": str(config.training.class_weight),
        "scikit-learn": str(environment.versions["scikit-learn"]),
        **{f"data.{name}": sha256 for name, sha256 in environment.data.items() if name != "source"},
        **{f"splits.{name}": sha256 for name, sha256 in environment.splits.items()},
    }


@dataclass(frozen=True)
class RunRivals:
    """The rivals of a run, in training."""

    training: RivalTraining
    place: int = 0
    """That of their task."""

    def observer(self, training: Training, dataset: Dataset) -> Observer:
        """Keeps them in the run as soon as they are there: a run that is stopped, or killed, has them."""
        return _Keeping(self, training, dataset)

    def wait(self, training: Training, dataset: Dataset, check: Callable[[], None]) -> None:
        """Keep them in the run, and wait for them as long as the training is worth."""
        history = training.recorder.history
        first = history.segments[-1].epochs[0]  # of this process
        before = sum(history.seconds[: first - 1])
        rivals = self.training.results(self.place, seconds_before=before, check=check)
        self.keep(rivals, training, dataset)

    def keep(self, rivals: Sequence[TrainedRival], training: Training, dataset: Dataset) -> None:
        """Write what they predict into the run."""
        config = training.config
        rows = {name: rows.rows for name, rows in dataset.splits.items() if name != "train"}
        known = learned_from(config, training.environment)
        rivals = with_thresholds(rivals, config.evaluation, dataset)
        write_rivals(training.run.rivals, rivals, rows, known)


class _Keeping(Observer):
    """Keeps rivals in the run after the first epoch by whose end they are done."""

    def __init__(self, rivals: RunRivals, training: Training, dataset: Dataset) -> None:
        self._rivals, self._training, self._dataset = rivals, training, dataset
        self._are_kept = False

    def epoch(self, figures: EpochFigures, seconds: float) -> None:  # noqa: ARG002 -- Observer's
        """Look whether they are done."""
        of, place = self._rivals.training, self._rivals.place
        if not self._are_kept and of.is_done(place):
            self._rivals.keep(of.results(place), self._training, self._dataset)
            self._are_kept = True


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
    # A rival is trained once: its rule has one look, as the first epoch of a network.
    of_val = rival.probabilities["val"]
    threshold = threshold_of(dataset.val.labels == 1, of_val[:, 1], config, epoch=1)
    return None if np.isnan(threshold) or threshold == DEFAULT_THRESHOLD else threshold
