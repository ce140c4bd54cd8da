"""Inspect a config and its data before training; needs no TensorFlow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.data.class_weights import weight_training, zero_weights
from mtrain.data.inspect import inspect
from mtrain.data.load import make_dataset
from mtrain.data.reading import read_source
from mtrain.errors import SettingError
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.config.experiment.schema import Config
    from mtrain.data.inspect import Inspection
    from mtrain.records.dataset import Dataset


def check(config: Config) -> Inspection:
    """Inspect the data of `config`.

    Raises `MtrainError` for data that cannot be trained on, `SettingError` for settings that do not
    fit the data.
    """
    memory = config.training.memory_bytes
    source = read_source(config.dataset, memory=memory)
    dataset = make_dataset(source, config.dataset, memory=memory)
    if conflicts := list(config.class_conflicts(dataset.classes)):
        raise SettingError(*conflicts)
    weighted = weight_training(dataset, config.training.class_weight)
    inspection = inspect(source, dataset)
    others = (*zero_weights(weighted), *_aim(config, dataset))
    return replace(inspection, warnings=(*inspection.warnings, *others))


def _aim(config: Config, dataset: Dataset) -> Iterator[Note]:
    """A note on a threshold for the more frequent class, which is hardly meant."""
    labels = dataset.train.labels
    if config.evaluation.rule is not None and 2 * labels.sum() > len(labels):
        rare, frequent = dataset.classes
        text = (
            f"evaluation.threshold is for {frequent!r}, the second class and the more frequent; "
            f"dataset.classes: [{frequent}, {rare}] makes it for {rare!r}"
        )
        yield Note("threshold", text)
