"""A network's activations, gradients and weights while it trains."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mtrain.engine.network import Variables


class Diagnostics:
    """Counts diagnostics in the compiled loop, and sums them up for an epoch.

    Activations are the outputs of each layer that has an activation, but for the last.
    """

    def __init__(self, model: keras.Model, wanted: Collection[str]) -> None:
        """`wanted` is a subset of `DIAGNOSTICS` of `config/experiment/training.py`."""
        self._layers = _with_activation(model) if "activations" in wanted else []
        self._weights = model.trainable_variables if "weights" in wanted else []
        outputs = [layer.output for layer in self._layers]
        self._model = keras.Model(model.inputs, [*outputs, *model.outputs])
        zeros = np.zeros(2)
        self._sums = [keras.Variable(zeros, dtype="float64") for _ in self._layers]
        self._peaks = [keras.Variable(np.zeros(o.shape[1:]), dtype="float32") for o in outputs]
        has_gradients = "gradients" in wanted
        self._norms = keras.Variable(0.0, dtype="float64") if has_gradients else None

    def forward(self, inputs: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """The activations, (B, units) of each layer, and the model's outputs, in training."""
        results = self._model(inputs, training=True)
        *activations, outputs = results if isinstance(results, list) else [results]
        return activations, outputs

    @property
    def variables(self) -> Variables:
        """The counts of the epoch so far."""
        variables = (
            {} if self._norms is None else {"counts/diagnostics/gradient_norms": self._norms}
        )
        for layer, sums, peaks in zip(self._layers, self._sums, self._peaks, strict=True):
            variables[f"counts/diagnostics/{layer.name}_sums"] = sums
            variables[f"counts/diagnostics/{layer.name}_peaks"] = peaks
        return variables

    def count(self, activations: Sequence[tf.Tensor], gradients: Sequence[tf.Tensor]) -> None:
        """Take a batch's activations and the gradients of its loss."""
        for outputs, sums, peaks in zip(activations, self._sums, self._peaks, strict=True):
            exact = tf.cast(outputs, tf.float64)
            sums.assign_add(tf.stack([tf.reduce_sum(exact), tf.reduce_sum(exact**2)]))
            peaks.assign(tf.maximum(peaks.value, tf.reduce_max(tf.abs(outputs), axis=0)))
        if self._norms is not None:
            self._norms.assign_add(tf.cast(tf.linalg.global_norm(gradients), tf.float64))

    def figures(self, rows: int, steps: int) -> dict[str, float]:
        """The figures by their names in the history, from the counts of so many rows and steps.

        Mean, standard deviation and share of dead units of each layer's activations, over rows and
        units: a dead unit gave 0 for every row. The norm of a step's gradients, of all weights
        together and before any clipping, on average; and the current norm of the weights.
        """
        figures: dict[str, float] = {}
        for layer, sums, peaks in zip(self._layers, self._sums, self._peaks, strict=True):
            mean, square = sums.numpy() / (rows * math.prod(peaks.shape))
            figures[f"{layer.name}_mean"] = float(mean)
            figures[f"{layer.name}_std"] = math.sqrt(max(0.0, square - mean**2))
            figures[f"{layer.name}_dead"] = float((peaks.numpy() == 0).mean())
        if self._norms is not None:
            figures["gradient_norm"] = float(self._norms.numpy()) / steps
        if self._weights:
            squares = [np.square(w.numpy(), dtype=np.float64).sum() for w in self._weights]
            figures["weight_norm"] = math.sqrt(sum(squares))
        return figures

    def reset(self) -> None:
        """Reset the counts."""
        for variable in self.variables.values():
            variable.assign(tf.zeros_like(variable.value))


def _with_activation(model: keras.Model) -> list[keras.layers.Layer]:
    activations = ((layer, getattr(layer, "activation", None)) for layer in model.layers[:-1])
    return [
        layer
        for layer, activation in activations
        if activation not in {None, keras.activations.linear}
    ]
