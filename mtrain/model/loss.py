"""The loss of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from mtrain.config.experiment.custom_code import CustomLoss
from mtrain.model.custom.code import NO_CODE, ImportedCode
from mtrain.model.custom.loss import custom_loss

if TYPE_CHECKING:
    from mtrain.config.experiment.losses import LossConfig


def build_loss(
    config: LossConfig | CustomLoss, n_classes: int, code: ImportedCode = NO_CODE
) -> keras.losses.Loss:
    """Keras' loss of that name with these parameters, or the custom loss, from `code`."""
    if isinstance(config, CustomLoss):
        return custom_loss(config, code)
    kind, parameters = type(config).__name__, config.model_dump(exclude={"name"})
    if config.name == "auto":
        kind = "BinaryCrossentropy" if n_classes == 2 else "CategoricalCrossentropy"
    if kind == "CategoricalCrossentropy" and not parameters["label_smoothing"]:
        # The same mathematics without the one-hot rows.
        return keras.losses.SparseCategoricalCrossentropy()
    loss: keras.losses.Loss = getattr(keras.losses, kind)(**parameters)
    return loss
