"""Probabilities of every row of a split, and their loss."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from mtrain.engine.device import leaves_cpus_idle
from mtrain.engine.network import model_variables, put_arrays, take_arrays
from mtrain.engine.shared_function import SharedFunction
from mtrain.engine.threads import cpu_count
from mtrain.records.training import ROWS_A_CALL, Predictions

if TYPE_CHECKING:
    from mtrain.engine.network import Network
    from mtrain.records.arrays import Floats
    from mtrain.records.dataset import Split

PIECES_A_CPU = 4
"""Pieces at once if an operation has one thread; more than one, so that no CPU waits while Python
passes the next piece."""


class Predictor:
    """Runs a network forward; never compiled by XLA, which would gain nothing here."""

    def __init__(self, network: Network, features: np.dtype[Any], cpus: int | None = None) -> None:
        """`features` is the type of the splits' features, uint8 or float32.

        `cpus` are the CPUs that a prediction may use; None: all.
        """
        self._cpus = cpu_count() if cpus is None else cpus
        self._network = network
        self._variables = model_variables(network.model) | network.loss_state | network.numbers
        self._device = tf.zeros(()).device  # of the current scope, which other threads are not in
        # A signature, so that a ragged last piece is not another function.
        rows = (
            tf.TensorSpec([None, network.model.input_shape[1]], features),
            tf.TensorSpec([None], tf.int32),
        )
        weights = tf.TensorSpec([None], tf.float32)
        self._forward = self._compiled(rows)
        self._forward_weighted = self._compiled((*rows, weights))

    def predict(self, split: Split) -> Predictions:
        """Predict every row with the current weights."""
        shared = self._forward if split.weights is None else self._forward_weighted
        # Traced here, where the device is the one that was chosen.
        forward = shared.with_variables(self._variables)

        def piece(start: int) -> tuple[float, Floats]:
            rows = slice(start, start + ROWS_A_CALL)
            inputs = [split.features[rows], split.labels[rows]]
            if split.weights is not None:
                inputs.append(split.weights[rows].astype(np.float32))
            with tf.device(self._device):
                loss, probabilities = forward(*map(tf.constant, inputs))  # takes no arrays
            return float(loss) * len(probabilities), probabilities.numpy()

        starts = range(0, len(split), ROWS_A_CALL)
        remembered = take_arrays(self._network.loss_state)
        # A loss with state takes the pieces one after the other; then its state is restored.
        # With one CPU, the other threads of a pool would only take it from trainings beside this one.
        if self._cpus > 1 and leaves_cpus_idle() and not remembered:
            with ThreadPoolExecutor(PIECES_A_CPU * self._cpus) as pool:
                pieces = list(pool.map(piece, starts))
        else:
            pieces = [piece(start) for start in starts]
        put_arrays(self._network.loss_state, remembered)
        probabilities = np.concatenate([values for _, values in pieces])
        return Predictions(
            labels=split.labels.astype(np.int64),
            predicted=probabilities.argmax(axis=1),
            probabilities=probabilities,
            loss=sum(loss for loss, _ in pieces) / len(split),
            weights=split.weights,
        )

    def graph(self) -> bytes:
        """The serialised GraphDef of what `predict` runs."""
        definition = self._forward.traced().graph.as_graph_def()
        serialized: bytes = definition.SerializeToString()
        return serialized

    def share_functions_of(self, other: Predictor) -> None:
        """Run what was traced for `other`, whose network is of the same shape."""
        self._forward, self._forward_weighted = other._forward, other._forward_weighted

    def _compiled(self, signature: tuple[tf.TensorSpec, ...]) -> SharedFunction:
        function = tf.function(self._traced_forward, input_signature=signature, autograph=False)
        return SharedFunction(function, self._variables)

    def _traced_forward(
        self, features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = self._network.model(self._network.inputs(features), training=False)
        loss = self._network.loss(labels, outputs, weights)
        return loss, self._network.probabilities(outputs)
