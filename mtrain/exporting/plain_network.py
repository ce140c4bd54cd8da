"""A perceptron as the arrays and names of a checkpoint: all that is needed to run it without Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.config.experiment.custom_code import CustomModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Arrays, Shapes
    from mtrain.run.checkpoint import Checkpoint

TRAINING_ONLY = ("model/dropout_",)
"""The beginnings of names of arrays that no prediction needs: the generators of dropout."""

BATCH_NORM_EPSILON = 1e-3
"""Keras' default, which is added to the variance."""


@dataclass(frozen=True, eq=False)
class PlainLayer:
    """A dense layer of D inputs and U units, normalised between the sum and the activation or not."""

    kernel: NDArray[Any]
    """Shape (D, U), float32."""

    bias: NDArray[Any]
    """Shape (U,), float32."""

    activation: str

    batch_norm: dict[str, NDArray[Any]] | None = None
    """`gamma`, `beta`, `moving_mean` and `moving_variance`, each of shape (U,); None: not normalised."""


def has_plain_network(saved: Checkpoint) -> bool:
    """Whether the network is a perceptron of the config, and no custom model."""
    return not isinstance(saved.config.model, CustomModel)


def plain_shapes(saved: Checkpoint) -> Shapes:
    """Types and shapes of the arrays that a prediction needs, by their names in the checkpoint."""
    model, k = saved.config.model, len(saved.classes)
    if isinstance(model, CustomModel):
        raise TypeError("a custom model is not plain")
    shapes: dict[str, tuple[int, ...]] = {}
    width = saved.encoding.n_features
    layers = [(f"hidden_{n}", units) for n, units in enumerate(model.hidden, 1)]
    for name, units in [*layers, ("output", 1 if k == 2 else k)]:
        shapes |= {f"model/{name}/kernel": (width, units), f"model/{name}/bias": (units,)}
        if model.batch_norm and name != "output":
            number = name.removeprefix("hidden_")
            for part in ("gamma", "beta", "moving_mean", "moving_variance"):
                shapes[f"model/batch_norm_{number}/{part}"] = (units,)
        width = units
    return {name: ("float32", shape) for name, shape in shapes.items()}


def plain_network(saved: Checkpoint, arrays: Arrays) -> list[PlainLayer]:
    """The layers, input side first, from the arrays of `plain_shapes`."""
    model, k = saved.config.model, len(saved.classes)
    if isinstance(model, CustomModel):
        raise TypeError("a custom model is not plain")
    layers = []
    for number, _ in enumerate(model.hidden, 1):
        norm = None
        if model.batch_norm:
            prefix = f"model/batch_norm_{number}/"
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            norm = {part: arrays[prefix + part] for part in parts}
        name = f"model/hidden_{number}/"
        layers.append(
            PlainLayer(arrays[f"{name}kernel"], arrays[f"{name}bias"], model.activation, norm)
        )
    activation = "sigmoid" if k == 2 else "softmax"
    kernel, bias = arrays["model/output/kernel"], arrays["model/output/bias"]
    return [*layers, PlainLayer(kernel, bias, activation)]
