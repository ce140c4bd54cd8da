"""The optimizer of a training, and its learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from mtrain.config.experiment.optimizers import OptimizerConfig


def build_optimizer(config: OptimizerConfig) -> keras.optimizers.Optimizer:
    """Keras' optimizer of that name with these parameters."""
    kind = getattr(keras.optimizers, type(config).__name__)
    parameters = config.model_dump(exclude={"name"})
    if (schedule := build_schedule(config)) is not None:
        parameters["learning_rate"] = schedule
    optimizer: keras.optimizers.Optimizer = kind(**parameters)
    return optimizer


def build_schedule(
    config: OptimizerConfig,
) -> keras.optimizers.schedules.LearningRateSchedule | None:
    """The schedule of the optimizer's learning rate; None if it is a number."""
    if isinstance(config.learning_rate, float):
        return None
    kind = getattr(keras.optimizers.schedules, config.learning_rate.name)
    return kind(**config.learning_rate.model_dump(exclude={"name"}))
