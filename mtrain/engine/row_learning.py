"""When each training row was learned, how often it was forgotten, and by how much it was right."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow as tf

from mtrain.errors import MtrainError
from mtrain.metrics.counts import ratio
from mtrain.metrics.learning import FORGOTTEN, LEARNED
from mtrain.records.training import LearnedRows

if TYPE_CHECKING:
    from mtrain.engine.feed import Feed
    from mtrain.records.arrays import Arrays, Floats, Ints, Shapes

SMALLEST = 1e-7
"""The least probability in a margin, as in Keras' losses: none is infinite."""

MARGINS, LEARNED_IN, STANDING = (
    f"counts/rows/{name}" for name in ("margins", "learned_in", "standing")
)
"""The arrays of a training's state: eight bytes a row, up to `MOST_EPOCHS`."""

MOST_EPOCHS = np.iinfo(np.uint16).max
"""Epochs that two bytes count."""


class RowLearning(NamedTuple):
    """What is known of N training rows; carried through the compiled loop."""

    epoch: tf.Tensor
    """The epoch under way, counted from 1; scalar, int32."""

    margins: tf.Tensor
    """Sum of a row's margins in all epochs so far, shape (N,), float32.

    A margin is the logarithm of its label's probability over that of the most probable other class:
    with softmax the difference of their logits (Pleiss et al. 2020, Identifying Mislabeled Data
    using the Area Under the Margin Ranking).
    """

    events: tf.Tensor
    """Shape (N, 3), int32: the epoch in which a row was right first, 0 for never; how often it was
    wrong after it had been right the time before (Toneva et al. 2019, An Empirical Study of Example
    Forgetting); 1 if it was right the last time, else 0."""

    def counted(
        self, positions: tf.Tensor, labels: tf.Tensor, predicted: tf.Tensor, scores: tf.Tensor
    ) -> RowLearning:
        """With a batch of B rows counted: `labels` and `predicted` (B,), probabilities (B, K)."""
        places = positions[:, None]
        is_right = tf.cast(labels == predicted, tf.int32)
        learned_in, forgotten, was_right = tf.unstack(tf.gather(self.events, positions), axis=1)
        events = [
            tf.where(learned_in == 0, is_right * self.epoch, learned_in),
            forgotten + was_right * (1 - is_right),
            is_right,
        ]
        return RowLearning(
            self.epoch,
            tf.tensor_scatter_nd_add(self.margins, places, _margins(labels, scores)),
            tf.tensor_scatter_nd_update(self.events, places, tf.stack(events, axis=1)),
        )

    def in_epoch(self, epoch: int) -> RowLearning:
        """The same, in another epoch."""
        return self._replace(epoch=tf.constant(epoch))

    def figures(self, labels: Ints, n_classes: int) -> tuple[dict[str, float], dict[str, Floats]]:
        """What the history has of all rows, and of every class, each of shape (K,)."""
        learned_in, forgotten, _ = self.events.numpy().T
        rows = np.bincount(labels, minlength=n_classes)
        of_all, by_class = {}, {}
        for name, of_rows in ((LEARNED, learned_in), (FORGOTTEN, forgotten)):
            count = np.bincount(labels, of_rows > 0, n_classes)
            of_all[name], by_class[name] = float(count.sum() / len(labels)), ratio(count, rows)
        return of_all, by_class

    def by_row(self, feed: Feed, seen: Ints) -> LearnedRows:
        """Of the rows of `feed`, each of which was `seen` so many times, shape (N,)."""
        learned_in, forgotten, is_right = self.events.numpy().T
        return LearnedRows(
            feed.places,
            feed.names,
            feed.rows.labels.numpy(),
            learned_in,
            forgotten,
            is_right == 1,
            ratio(self.margins.numpy(), seen).astype(np.float32),
        )

    def state(self, epoch: int) -> Arrays:
        """The arrays of `row_learning_shapes` in this epoch."""
        learned_in, forgotten, is_right = self.events.numpy().T
        dtype = _count(epoch)
        return {
            MARGINS: self.margins.numpy(),
            LEARNED_IN: learned_in.astype(dtype),
            STANDING: (2 * forgotten + is_right).astype(dtype),
        }


def nothing_learned(rows: int) -> RowLearning:
    """Before the first epoch of so many rows."""
    zeros = tf.zeros((rows, 3), tf.int32)
    return RowLearning(tf.constant(1), tf.zeros(rows, tf.float32), zeros)


def row_learning_shapes(rows: int, epoch: int) -> Shapes:
    """Types and shapes of the arrays of a state in this epoch, counted from 1."""
    count = np.dtype(_count(epoch)).name
    return {MARGINS: ("float32", (rows,)), LEARNED_IN: (count, (rows,)), STANDING: (count, (rows,))}


def row_learning_of(arrays: Arrays, epoch: int) -> RowLearning:
    """What `state` had kept in this epoch; raises `MtrainError` for values that no training has."""
    learned_in, standing = (arrays[name].astype(np.int32) for name in (LEARNED_IN, STANDING))
    forgotten, is_right = standing // 2, standing % 2
    # It is right once between two times that it is forgotten, and wrong only if it is forgotten.
    too_often = (learned_in + 2 * forgotten - 1 + is_right > epoch) | (standing == 0)
    if np.where(learned_in == 0, standing > 0, too_often).any():
        raise MtrainError(f"{STANDING} cannot be of rows in epoch {epoch:,}")
    events = np.stack([learned_in, forgotten, is_right], axis=1)
    return RowLearning(tf.constant(epoch), tf.constant(arrays[MARGINS]), tf.constant(events))


def _margins(labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    is_label = tf.one_hot(labels, scores.shape[1], on_value=True, off_value=False)
    of_label = tf.reduce_max(tf.where(is_label, scores, 0.0), axis=1)
    of_other = tf.reduce_max(tf.where(is_label, 0.0, scores), axis=1)
    return tf.math.log(tf.maximum(of_label, SMALLEST) / tf.maximum(of_other, SMALLEST))


def _count(epoch: int) -> type[np.generic]:
    return np.uint16 if epoch <= MOST_EPOCHS else np.uint32
