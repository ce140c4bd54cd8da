"""Several perceptrons of one shape as one model, whose outputs are the mean of their probabilities."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import keras

from mtrain.model.perceptron import build_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.config.experiment.model import ModelConfig


def build_members(
    config: ModelConfig, n_features: int, n_classes: int, n_members: int
) -> list[keras.Model]:
    """The networks of an ensemble as they predict: without what only training uses."""
    predicting = config.model_copy(update={"dropout": 0.0, "l2": 0.0, "activity": 0.0})
    return [build_model(predicting, n_features, n_classes, seed=0) for _ in range(n_members)]


def mean_model(members: Sequence[keras.Model], n_features: int) -> keras.Model:
    """A model from (N, `n_features`) to the mean of the members' probabilities, (N, K), of two classes too.

    For programs that take a model: added up in float64 as by `mean_of`, but its graph is optimised otherwise
    than that of one member, so that last bits may differ. All layers are Keras' own, so that a file of the
    model is loaded without mtrain.
    """
    inputs = keras.Input((n_features,), name="input")
    of_members = []
    for number, member in enumerate(members, 1):
        layers = [keras.Input((n_features,)), *member.layers]
        outputs = keras.Sequential(layers, name=f"member_{number}")(inputs)
        if outputs.shape[1] == 1:
            outputs = keras.ops.concatenate([1 - outputs, outputs], axis=1)
        of_members.append(keras.ops.cast(outputs, "float64"))
    mean = reduce(keras.ops.add, of_members) / float(len(members))
    return keras.Model(inputs, keras.ops.cast(mean, "float32"), name="ensemble")
