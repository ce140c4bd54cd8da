"""Look at a config and its data before anything is trained; needs no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.data import make_dataset
from mtrain.data.inspection import inspect
from mtrain.data.reading import read_source
from mtrain.errors import SettingError
from mtrain.weighting import weight_training

if TYPE_CHECKING:
    from mtrain.config.schema import Config
    from mtrain.data.inspection import Inspection


def check(config: Config) -> Inspection:
    """What a training of `config` would read.

    Raises `MtrainError` for data that cannot be trained on, `SettingError` for settings that do not
    fit the data.
    """
    memory = config.training.memory_bytes
    source = read_source(config.dataset, memory=memory)
    dataset = make_dataset(source, config.dataset, memory=memory)
    if conflicts := list(config.class_conflicts(dataset.classes)):
        raise SettingError(*conflicts)
    weight_training(dataset, config.training.class_weight)
    return inspect(source, dataset)
