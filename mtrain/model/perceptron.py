"""The network of a config: a multilayer perceptron, or a custom model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.model.custom.code import NO_CODE, ImportedCode
from mtrain.model.custom.model import custom_model
from mtrain.model.dropout import Dropout
from mtrain.model.penalties import L1, L2
from mtrain.records.training import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tensorflow as tf

    from mtrain.config.experiment.model import ModelConfig


def build_model(
    config: ModelConfig | CustomModel,
    n_features: int,
    n_classes: int,
    seed: int,
    dropout: type[Dropout] = Dropout,
    code: ImportedCode = NO_CODE,
) -> keras.Model:
    """A multilayer perceptron from (N, `n_features`) to class probabilities.

    Two classes have one sigmoid output, (N, 1): the probability of class 1; more have a softmax,
    (N, `n_classes`). `seed` draws the initial weights and dropout, layer by layer; `dropout` is the
    kind of that layer. Or the custom model, from `code`.
    """
    if isinstance(config, CustomModel):
        return custom_model(config, code, n_features, n_classes, seed)
    seeds = _layer_seeds(seed)
    layers: list[keras.layers.Layer] = [keras.Input((n_features,), name="input")]
    activity = L1(config.activity) if config.activity else None
    for number, units in enumerate(config.hidden, 1):
        if config.batch_norm:
            # Normalised between the sum and the activation, as Ioffe and Szegedy (2015) have it.
            layers += [
                _dense(units, None, config.l2, next(seeds), f"hidden_{number}"),
                keras.layers.BatchNormalization(name=f"batch_norm_{number}"),
                keras.layers.Activation(
                    config.activation, activity_regularizer=activity, name=f"activation_{number}"
                ),
            ]
        else:
            name = f"hidden_{number}"
            layers.append(_dense(units, config.activation, config.l2, next(seeds), name, activity))
        if config.dropout:
            layers.append(dropout(config.dropout, seed=next(seeds), name=f"dropout_{number}"))
    units, activation = (1, "sigmoid") if n_classes == 2 else (n_classes, "softmax")
    layers.append(_dense(units, activation, config.l2, next(seeds), "output"))
    return keras.Sequential(layers, name="mlp")


def adjustable_numbers(model: keras.Model) -> dict[str, tf.Variable]:
    """The factors of penalties and rates of dropout, which a compiled loop takes as inputs.

    As `adjustable/<layer>/<number>`; a custom model has none.
    """
    numbers: dict[str, tf.Variable] = {}
    for layer in model.layers:
        parts = (
            layer,
            *(getattr(layer, f"{of}_regularizer", None) for of in ("kernel", "activity")),
        )
        for part in parts:
            if isinstance(part, Dropout | L1 | L2):
                numbers |= {f"adjustable/{layer.name}/{k}": v for k, v in part.numbers.items()}
    return numbers


def is_perceptron(model: keras.Model) -> bool:
    """Whether it is a chain of fully connected layers, and others that keep the units."""
    kinds = keras.layers.Dense | keras.layers.BatchNormalization
    return isinstance(model, keras.Sequential) and all(
        isinstance(layer, kinds) or (not layer.weights and layer.output.shape == layer.input.shape)
        for layer in model.layers
    )


def list_layers(model: keras.Model) -> list[Layer]:
    """The facts about each layer, input side first."""
    return [
        Layer(
            name=layer.name,
            kind=type(layer).__name__,
            output_shape=tuple(layer.output.shape),
            parameters=layer.count_params(),
            trainable=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
        )
        for layer in model.layers
    ]


def _dense(
    units: int,
    activation: str | None,
    l2: float,
    seed: int,
    name: str,
    activity: keras.regularizers.Regularizer | None = None,
) -> keras.layers.Dense:
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        kernel_regularizer=L2(l2) if l2 else None,
        activity_regularizer=activity,
        name=name,
    )


def _layer_seeds(seed: int) -> Iterator[int]:
    """Seeds, each independent of the others."""
    generator = np.random.default_rng(seed)
    while True:
        yield int(generator.integers(2**31))
