"""A step of training, compiled into a loop of many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from mtrain.engine.diagnostics import Diagnostics
    from mtrain.engine.network import Network
    from mtrain.records.dataset import Split

Carried = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Sum of the weighted losses (float64), confusion matrix (K, K) and top-k hits (int32) so far.

Passed into each call and back out, so that the sums do not depend on where chunks end.
"""


class CompiledSteps:
    """Trains a network step by step on rows that stay on the device, many steps a call."""

    def __init__(
        self,
        network: Network,
        optimizer: keras.optimizers.Optimizer,
        train: Split,
        batch_size: int,
        *,
        jit_compile: bool,
        top_k: int | None,
        counters: Sequence[keras.metrics.Metric] = (),
        diagnostics: Diagnostics | None = None,
    ) -> None:
        """`batch_size` is at most the number of rows; a ragged last step takes what is left.

        `counters` and `diagnostics` see every batch.
        """
        self.full = len(train) // batch_size
        self._network = network
        self._optimizer = optimizer
        self._batch_size = batch_size
        self._top_k = top_k
        self._counters = counters
        self._diagnostics = diagnostics
        self._features = tf.constant(train.features)
        self._labels = tf.constant(train.labels)
        weights = train.weights
        self._weights = None if weights is None else tf.constant(weights, tf.float32)
        self._run = self._compiled(batch_size, jit_compile)
        self._run_ragged = self._compiled(len(train) % batch_size, jit_compile)

    def run(self, order: tf.Tensor, start: int, stop: int, carried: Carried) -> Carried:
        """Steps `start` to `stop` of an epoch in which the rows come in `order`.

        A call has either full steps or the ragged one.
        """
        run = self._run_ragged if start == self.full else self._run
        carried = run(order, tf.constant(start), tf.constant(stop), carried)
        carried[0].numpy()  # waits until the steps are done
        return carried

    def largest_input(self) -> float:
        """Of the absolute values of all features that it trains on."""
        return float(np.abs(self._features.numpy()).max())

    def initial_sums(self) -> Carried:
        """What is carried into the first step of an epoch."""
        k = self._network.n_classes
        return tf.zeros((), tf.float64), tf.zeros((k, k), tf.int32), tf.zeros((), tf.int32)

    def _compiled(
        self, batch_size: int, jit_compile: bool
    ) -> tf.types.experimental.GenericFunction:
        """Steps `start` to `stop` of an epoch, each of `batch_size` rows, as one function."""

        def run(order: tf.Tensor, start: tf.Tensor, stop: tf.Tensor, carried: Carried) -> Carried:
            def body(step: tf.Tensor, carried: Carried) -> tuple[tf.Tensor, Carried]:
                positions = tf.slice(order, [step * self._batch_size], [batch_size])
                return step + 1, self._train_step(positions, carried)

            _, carried = tf.while_loop(
                lambda step, _: step < stop, body, (start, carried), parallel_iterations=1
            )
            return carried

        return tf.function(run, jit_compile=jit_compile, autograph=False)

    def _train_step(self, positions: tf.Tensor, carried: Carried) -> Carried:
        network, model = self._network, self._network.model
        inputs = network.inputs(tf.gather(self._features, positions))
        labels = tf.gather(self._labels, positions)
        weights = None if self._weights is None else tf.gather(self._weights, positions)
        with tf.GradientTape() as tape:
            if self._diagnostics is None:
                outputs = model(inputs, training=True)
            else:
                activations, outputs = self._diagnostics.forward(inputs)
            loss = network.loss(labels, outputs, weights)
        gradients = tape.gradient(loss, model.trainable_variables)
        self._optimizer.apply(gradients, model.trainable_variables)

        if self._diagnostics is not None:
            self._diagnostics.count(activations, gradients)
        for counter in self._counters:
            counter.update_state(network.targets(labels), outputs)
        loss_sum, confusion, hits = carried
        return (
            loss_sum + tf.cast(loss, tf.float64) * positions.shape[0],
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
