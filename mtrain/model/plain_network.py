"""A perceptron as arrays: all that is needed to run it without Keras."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mtrain.model.plain_activations import ACTIVATIONS
from mtrain.statistics.means import mean_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.config.experiment.model import ModelConfig
    from mtrain.records.arrays import Arrays, Shapes

TRAINING_ONLY = ("model/dropout_",)
"""The beginnings of names of arrays that no prediction needs: the generators of dropout."""

BATCH_NORM_EPSILON = np.float32(1e-3)
"""Keras' default, which is added to the variance."""

OF_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


@dataclass(frozen=True, eq=False)
class PlainLayer:
    """A dense layer of D inputs and U units, normalised between the sum and the activation or not."""

    kernel: NDArray[np.float32]
    """Shape (D, U)."""

    bias: NDArray[np.float32]
    """Shape (U,)."""

    activation: str

    scaling: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    """The factor and the offset, shape (U,), by which batch normalisation scales the sums; None: it
    does not."""


def plain_shapes(config: ModelConfig, n_features: int, n_classes: int) -> Shapes:
    """Types and shapes of the arrays that a prediction needs, by their names in a checkpoint."""
    units = (*config.hidden, 1 if n_classes == 2 else n_classes)
    shapes: dict[str, tuple[int, ...]] = {}
    sizes = pairwise((n_features, *units))
    for (name, batch_norm), (before, after) in zip(_layers(config), sizes, strict=True):
        shapes |= {f"{name}/kernel": (before, after), f"{name}/bias": (after,)}
        if batch_norm is not None:
            shapes |= {f"{batch_norm}/{part}": (after,) for part in OF_BATCH_NORM}
    return {name: ("float32", shape) for name, shape in shapes.items()}


def plain_network(config: ModelConfig, n_classes: int, arrays: Arrays) -> list[PlainLayer]:
    """The layers, input side first, from the arrays of `plain_shapes`."""
    last = "sigmoid" if n_classes == 2 else "softmax"
    activations = (*[config.activation] * len(config.hidden), last)
    return [
        PlainLayer(
            arrays[f"{name}/kernel"],
            arrays[f"{name}/bias"],
            activation,
            None if batch_norm is None else _scaling(arrays, batch_norm),
        )
        for (name, batch_norm), activation in zip(_layers(config), activations, strict=True)
    ]


def at_temperature(arrays: Arrays, temperature: float) -> Arrays:
    """The arrays of a network whose outputs are divided by this before the last activation."""
    if temperature == 1:
        return arrays
    of_output = ("model/output/kernel", "model/output/bias")
    return arrays | {name: arrays[name] / np.float32(temperature) for name in of_output}


def plain_probabilities(
    layers: Sequence[PlainLayer], inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Of inputs (N, D), the probability of each class, (N, K); of two classes by that of the second."""
    values = inputs
    for layer in layers:
        values = values @ layer.kernel
        values += layer.bias
        if layer.scaling is not None:
            factor, offset = layer.scaling
            values *= factor
            values += offset
        values = ACTIVATIONS[layer.activation](values)
    return np.concatenate([1 - values, values], axis=1) if values.shape[1] == 1 else values


def mean_probabilities(
    networks: Sequence[Sequence[PlainLayer]], inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Of inputs (N, D), the mean over the networks of their probabilities, (N, K).

    Those of one network are its own.
    """
    if len(networks) == 1:
        return plain_probabilities(networks[0], inputs)
    return mean_of(plain_probabilities(layers, inputs) for layers in networks)


def _layers(config: ModelConfig) -> Iterator[tuple[str, str | None]]:
    """The name of each layer in a checkpoint, and of its batch normalisation, if it has one."""
    for number, _ in enumerate(config.hidden, 1):
        yield (
            f"model/hidden_{number}",
            f"model/batch_norm_{number}" if config.batch_norm else None,
        )
    yield "model/output", None


def _scaling(
    arrays: Mapping[str, NDArray[np.float32]], name: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gamma, beta, mean, variance = (arrays[f"{name}/{part}"] for part in OF_BATCH_NORM)
    factor = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return factor, beta - mean * factor
