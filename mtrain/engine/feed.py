"""The rows of a training on the device, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

from mtrain.engine.step import Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.dataset import Split


class Rows(NamedTuple):
    """N rows on the device; `at` takes batches from them."""

    features: tf.Tensor
    """Shape (N, D): float32 or uint8. Or (N, D / 4), uint32: four bytes of uint8 in each, because XLA
    gathers number by number."""

    labels: tf.Tensor
    """Class index of each row, shape (N,), int32."""

    weights: tf.Tensor | None
    """The weight of each row in the loss, shape (N,), float32; None: 1."""

    def at(self, positions: tf.Tensor, step: tf.Tensor) -> Batch:
        """The rows at these positions, (B,), for this step."""
        features = tf.gather(self.features, positions)
        if features.dtype == tf.uint32:
            unpacked = tf.bitcast(features, tf.uint8)
            features = tf.reshape(unpacked, [positions.shape[0], 4 * features.shape[1]])
        weights = None if self.weights is None else tf.gather(self.weights, positions)
        return Batch(step, features, tf.gather(self.labels, positions), weights)


class Feed:
    """A split of N rows that stays on the device as a whole; several trainings may share it."""

    def __init__(self, split: Split) -> None:
        features: NDArray[Any] = split.features
        self.dtype = features.dtype
        """Of the features of a batch, uint8 or float32."""

        self.places = split.rows
        """Where each row stands in its source, shape (N,)."""

        self.names = split.names
        """Of each row, shape (N,); None: they have none."""

        if self.dtype == np.uint8 and features.shape[1] % 4 == 0:
            features = np.ascontiguousarray(features).view(np.uint32)
        weights = None if split.weights is None else tf.constant(split.weights, tf.float32)
        self.rows = Rows(tf.constant(features), tf.constant(split.labels), weights)

    def __len__(self) -> int:
        return len(self.rows.labels)

    def largest(self) -> float:
        """The largest absolute value of all features."""
        features = self.rows.features.numpy().view(self.dtype)
        return float(np.abs(features).max())


def epoch_order(rows: int, seed: int, epoch: int) -> tf.Tensor:
    """Positions of the rows in the order of this epoch, (N,), int32: from (seed, epoch) alone."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return tf.constant(generator.permutation(rows).astype(np.int32))
