"""Probabilities of every row of a split, and their loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from mtrain.records import Predictions, Split

if TYPE_CHECKING:
    from mtrain.engine.network import Network

ROWS_A_CALL = 2048
"""Of any split, whatever the training's batch size: an evaluation repeats a validation's figures
to the last bit because both come through here in the same pieces. Larger ones gain little, and take
more memory."""


class Predictor:
    """Runs a network forwards; never compiled by XLA, which would gain nothing here."""

    def __init__(self, network: Network, features: np.dtype[Any]) -> None:
        """`features` is the type of the splits' features, uint8 or float32."""
        self._network = network
        # A signature, so that a ragged last piece is no other function.
        rows = (
            tf.TensorSpec([None, network.model.input_shape[1]], features),
            tf.TensorSpec([None], tf.int32),
        )
        weights = tf.TensorSpec([None], tf.float32)
        self._forward = self._compiled(rows)
        self._forward_weighted = self._compiled((*rows, weights))

    def predict(self, split: Split) -> Predictions:
        """What the network says of every row now."""
        loss_sum = 0.0
        outputs = []
        for start in range(0, len(split), ROWS_A_CALL):
            rows = slice(start, start + ROWS_A_CALL)
            piece = split.features[rows], split.labels[rows]
            if split.weights is None:
                loss, some = self._forward(*piece)
            else:
                weights = split.weights[rows].astype(np.float32)
                loss, some = self._forward_weighted(*piece, weights)
            loss_sum += float(loss) * len(some)
            outputs.append(some.numpy())
        probabilities = np.concatenate(outputs)
        return Predictions(
            labels=split.labels.astype(np.int64),
            predicted=probabilities.argmax(axis=1),
            probabilities=probabilities,
            loss=loss_sum / len(split),
            weights=split.weights,
        )

    def _compiled(
        self, signature: tuple[tf.TensorSpec, ...]
    ) -> tf.types.experimental.GenericFunction:
        return tf.function(self._traced_forward, input_signature=signature, autograph=False)

    def _traced_forward(
        self, features: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = self._network.model(self._network.inputs(features), training=False)
        loss = self._network.loss(labels, outputs, weights)
        return loss, self._network.probabilities(outputs)
