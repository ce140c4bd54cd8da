"""Look at a config and its data before anything is trained; needs no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.data.inspection import inspect
from mtrain.errors import SettingError

if TYPE_CHECKING:
    from mtrain.config.schema import Config
    from mtrain.data.inspection import Inspection


def check(config: Config) -> Inspection:
    """What a training of `config` would read.

    Raises `MtrainError` for data that cannot be trained on, `SettingError` for settings that do not
    fit the data.
    """
    inspection = inspect(config.dataset, memory=config.training.memory_bytes)
    if conflicts := list(config.class_conflicts(inspection.classes)):
        raise SettingError(*conflicts)
    return inspection
