"""Try rivals before any training: how far simpler models get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.class_weights import weight_training
from mtrain.data.load import load_dataset
from mtrain.metrics.rivals import with_rivals
from mtrain.records.rivals import RIVALS, RivalTrial
from mtrain.records.training import Predictions
from mtrain.rivals.process import RivalTraining
from mtrain.rivals.task import make_task
from mtrain.training.rivals import rival_names, with_thresholds

if TYPE_CHECKING:
    from mtrain.config.experiment.schema import Config


def try_rivals(config: Config) -> RivalTrial:
    """Train the rivals of a network on its data, and compare them with the baseline on the test rows.

    Those of the config; where it has none, all; however long it takes. Raises `MtrainError` for data that
    cannot be trained on.
    """
    dataset = load_dataset(config.dataset, memory=config.training.memory_bytes)
    dataset = weight_training(dataset, config.training.class_weight)
    names = rival_names(config, dataset) or tuple(RIVALS)
    test = dataset.test
    most_frequent = int(np.bincount(test.labels).argmax())
    shares = np.bincount(dataset.train.labels, minlength=len(dataset.classes)) / len(dataset.train)
    always = Predictions(
        test.labels.astype(np.int64),
        np.full(len(test), most_frequent),
        np.tile(shares.astype(np.float32), (len(test), 1)),
        loss=np.nan,
        groups=test.groups,
    )
    training = RivalTraining([make_task(names, dataset, config.dataset.seed)], at_once=True)
    try:
        trained = with_thresholds(training.results(is_limited=False), config.evaluation, dataset)
    finally:
        training.stop()
    return RivalTrial(
        rows=len(test),
        baseline_class=dataset.classes[most_frequent],
        rivals=with_rivals(always, trained, "test", dataset.classes)[1],
    )
