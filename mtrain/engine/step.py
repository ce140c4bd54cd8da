"""A step of training: the only mathematics, whatever feeds and repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import tensorflow as tf

from mtrain.engine.row_learning import signed_odds_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from mtrain.engine.diagnostics import Diagnostics
    from mtrain.engine.network import Network


class Carried(NamedTuple):
    """What is counted so far; passed into each step and back out.

    So it does not depend on how steps are grouped.
    """

    loss: tf.Tensor
    """Sum of the weighted losses of an epoch's rows, float64."""

    confusion: tf.Tensor
    """The epoch's confusion matrix, shape (K, K), int32."""

    top_k_hits: tf.Tensor
    """The epoch's rows whose class was among the k most probable, int32."""

    odds: tf.Tensor
    """The `signed_odds_of` the rows of each of the epoch's S steps, shape (S, B), float32; (0, 0) where
    they are not kept. In the order of the steps: XLA writes rows of another order one by one."""


class Batch(NamedTuple):
    """B rows to learn from, on the device."""

    step: tf.Tensor
    """Of the epoch, from 0."""

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
        odds_shape: tuple[int, int] = (0, 0),
        jit_compile: bool = False,
    ) -> None:
        """`counters` and `diagnostics` see every batch.

        `odds_shape` is (steps of an epoch, batch size); (0, 0) keeps none. `jit_compile` says whether
        XLA compiles the step.
        """
        self._network = network
        self._optimizer = optimizer
        self._top_k = top_k
        self._counters = counters
        self._diagnostics = diagnostics
        self._odds_shape = odds_shape
        self._jit_compile = jit_compile

    def initial_sums(self) -> Carried:
        """Before the first step of an epoch."""
        k = self._network.n_classes
        return Carried(
            tf.zeros((), tf.float64),
            tf.zeros((k, k), tf.int32),
            tf.zeros((), tf.int32),
            tf.zeros(self._odds_shape),
        )

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
        loss_sum, confusion, hits, odds = carried
        predicted = network.predicted(outputs)
        if odds.shape[0]:
            of_batch = signed_odds_of(labels, predicted, network.probabilities(outputs))
            odds = self._written(odds, batch.step, of_batch)
        return Carried(
            loss_sum + tf.cast(loss, tf.float64) * labels.shape[0],
            self._counted(confusion, labels, predicted),
            hits if self._top_k is None else hits + self._top_k_hits(labels, outputs),
            odds,
        )

    def _written(self, odds: tf.Tensor, step: tf.Tensor, of_batch: tf.Tensor) -> tf.Tensor:
        """The odds (S, B) with those of a step, of which a ragged one has fewer."""
        line = tf.pad(of_batch, [[0, odds.shape[1] - of_batch.shape[0]]])
        if self._jit_compile:
            return tf.tensor_scatter_nd_update(odds, [[step]], [line])
        # As of TensorFlow 2.21 a graph's loop would copy all odds for the other in each step, and XLA
        # needs a constant place for this one.
        return tf.raw_ops.TensorStridedSliceUpdate(
            input=odds, begin=[step], end=[step + 1], strides=[1], value=[line]
        )

    def _counted(self, confusion: tf.Tensor, labels: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
        """The confusion matrix (K, K) with a batch added, as `metrics.counts` has it."""
        # Only what a batch changes: a whole matrix a step would be a million sums for 1,000 classes.
        places = tf.stack([labels, predicted], axis=1)
        return tf.tensor_scatter_nd_add(confusion, places, tf.ones_like(labels))

    def _top_k_hits(self, labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """As `metrics.scores.top_k_hits`, which counts a validation's."""
        scores = self._network.probabilities(outputs)
        true = tf.gather(scores, labels[:, None], axis=1, batch_dims=1)
        lower_index = tf.range(self._network.n_classes) < labels[:, None]
        ahead = (scores > true) | ((scores == true) & lower_index)
        rank = tf.reduce_sum(tf.cast(ahead, tf.int32), axis=1)
        return tf.reduce_sum(tf.cast(rank < self._top_k, tf.int32))
