"""A step of training: the only mathematics, whatever feeds and repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from mtrain.engine.diagnostics import Diagnostics
    from mtrain.engine.network import Network

Carried = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Sum of the weighted losses (float64), confusion matrix (K, K) and top-k hits (int32) so far.

Passed into each step and back out, so that the sums do not depend on how steps are grouped.
"""


class Batch(NamedTuple):
    """B rows to learn from, on the device."""

    features: tf.Tensor
    """Shape (B, D), as read: uint8 or float32."""

    labels: tf.Tensor
    """Class index of each row, shape (B,), int32."""

    weights: tf.Tensor | None
    """The weight of each row in the loss, shape (B,), float32; None: 1."""


class Step:
    """Learns from one batch and counts it."""

    def __init__(
        self,
        network: Network,
        optimizer: keras.optimizers.Optimizer,
        *,
        top_k: int | None,
        counters: Sequence[keras.metrics.Metric] = (),
        diagnostics: Diagnostics | None = None,
    ) -> None:
        """`counters` and `diagnostics` see every batch."""
        self._network = network
        self._optimizer = optimizer
        self._top_k = top_k
        self._counters = counters
        self._diagnostics = diagnostics

    def initial_sums(self) -> Carried:
        """The sums before the first step of an epoch."""
        k = self._network.n_classes
        return tf.zeros((), tf.float64), tf.zeros((k, k), tf.int32), tf.zeros((), tf.int32)

    def __call__(self, batch: Batch, carried: Carried) -> Carried:
        """Update the network by a batch; returns the sums with the batch added."""
        network, model, labels = self._network, self._network.model, batch.labels
        inputs = network.inputs(batch.features)
        with tf.GradientTape() as tape:
            if self._diagnostics is None:
                outputs = model(inputs, training=True)
            else:
                activations, outputs = self._diagnostics.forward(inputs)
            loss = network.loss(labels, outputs, batch.weights)
        gradients = tape.gradient(loss, model.trainable_variables)
        self._optimizer.apply(gradients, model.trainable_variables)

        if self._diagnostics is not None:
            self._diagnostics.count(activations, gradients)
        for counter in self._counters:
            counter.update_state(network.targets(labels), outputs)
        loss_sum, confusion, hits = carried
        return (
            loss_sum + tf.cast(loss, tf.float64) * labels.shape[0],
            self._counted(confusion, labels, outputs),
            hits if self._top_k is None else hits + self._top_k_hits(labels, outputs),
        )

    def _counted(self, confusion: tf.Tensor, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """The confusion matrix (K, K) with a batch added, as `metrics.counts` has it."""
        # Only what a batch changes: a whole matrix a step would be a million sums for 1,000 classes.
        places = tf.stack([labels, self._network.predicted(outputs)], axis=1)
        return tf.tensor_scatter_nd_add(confusion, places, tf.ones_like(labels))

    def _top_k_hits(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """As `metrics.scores.top_k_hits`, which counts a validation's."""
        scores = self._network.probabilities(outputs)
        true = tf.gather(scores, labels[:, None], axis=1, batch_dims=1)
        lower_index = tf.range(self._network.n_classes) < labels[:, None]
        ahead = (scores > true) | ((scores == true) & lower_index)
        rank = tf.reduce_sum(tf.cast(ahead, tf.int32), axis=1)
        return tf.reduce_sum(tf.cast(rank < self._top_k, tf.int32))
