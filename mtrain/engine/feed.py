"""The rows of a training on the device, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mtrain.engine.step import Batch

if TYPE_CHECKING:
    from mtrain.records.dataset import Split


class Feed:
    """A split of N rows that stays on the device as a whole; several trainings may share it."""

    def __init__(self, split: Split) -> None:
        weights = None if split.weights is None else tf.constant(split.weights, tf.float32)
        self.rows = Batch(tf.constant(split.features), tf.constant(split.labels), weights)

    def __len__(self) -> int:
        return len(self.rows.labels)

    def largest(self) -> float:
        """The largest absolute value of all features."""
        return float(np.abs(self.rows.features.numpy()).max())


def epoch_order(rows: int, seed: int, epoch: int) -> tf.Tensor:
    """Positions of the rows in the order of this epoch, (N,), int32: from (seed, epoch) alone."""
    generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    return tf.constant(generator.permutation(rows).astype(np.int32))
