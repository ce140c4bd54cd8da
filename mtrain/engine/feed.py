"""Where a training's batches come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mtrain.engine.step import Batch

if TYPE_CHECKING:
    from mtrain.records.dataset import Split


class Feed:
    """A split of N rows that stays on the device as a whole."""

    def __init__(self, split: Split, *, shuffle: bool, seed: int) -> None:
        """Rows come in a new order each epoch if `shuffle`, else as they are."""
        self._shuffle = shuffle
        self._seed = seed
        self._features = tf.constant(split.features)
        self._labels = tf.constant(split.labels)
        weights = split.weights
        self._weights = None if weights is None else tf.constant(weights, tf.float32)

    def __len__(self) -> int:
        return len(self._labels)

    def order(self, epoch: int) -> tf.Tensor:
        """Positions of the rows in the order of this epoch, (N,), int32: from (seed, epoch) alone."""
        rows = len(self)
        if not self._shuffle:
            return tf.range(rows)
        generator = np.random.Generator(np.random.Philox(key=[self._seed, epoch]))
        return tf.constant(generator.permutation(rows).astype(np.int32))

    def batch(self, positions: tf.Tensor) -> Batch:
        """The rows at these positions, (B,), as a part of the compiled loop."""
        return Batch(
            tf.gather(self._features, positions),
            tf.gather(self._labels, positions),
            None if self._weights is None else tf.gather(self._weights, positions),
        )

    def largest(self) -> float:
        """The largest absolute value of all features."""
        return float(np.abs(self._features.numpy()).max())
