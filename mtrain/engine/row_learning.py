"""When each training row was learned, how often it was forgotten, and by how much it was right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mtrain.errors import MtrainError
from mtrain.metrics.counts import ratio
from mtrain.metrics.learning import FORGOTTEN, LEARNED
from mtrain.records.training import LearnedRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


class RowLearning:
    """What is known of N training rows so far."""

    def __init__(self, labels: NDArray[np.int32], n_classes: int) -> None:
        rows = len(labels)
        self._labels = labels
        self._rows = np.bincount(labels, minlength=n_classes)
        self._counts = {name: np.zeros_like(self._rows) for name in (LEARNED, FORGOTTEN)}
        self.margins = np.zeros(rows, np.float32)
        """The sum of each row's margins.

        A margin is the logarithm of its label's probability over that of the most probable other class:
        with softmax the difference of their logits (Pleiss et al. 2020, Identifying Mislabeled Data
        using the Area Under the Margin Ranking).
        """

        self.learned_in: Ints = np.zeros(rows, np.int64)
        """The epoch in which it was right first; 0: never."""

        self.forgotten: Ints = np.zeros(rows, np.int64)
        """How often it was wrong after it had been right the time before (Toneva et al. 2019, An
        Empirical Study of Example Forgetting during Deep Neural Network Learning)."""

        self.is_right = np.zeros(rows, np.bool_)
        """Whether it was right the last time."""

    def count(self, epoch: int, positions: NDArray[np.int32], odds: NDArray[np.float32]) -> None:
        """Add the `odds_of` the rows at `positions`, none of them twice, in an epoch from 1."""
        at = positions.astype(np.int64)  # by which NumPy finds elements twice as fast
        self.margins[at] += np.log(np.abs(odds))
        is_right = odds > 0
        changed = at[self.is_right[at] != is_right]
        self.is_right[at] = is_right
        lost, won = changed[~self.is_right[changed]], changed[self.is_right[changed]]
        self._add(FORGOTTEN, lost[self.forgotten[lost] == 0])
        self.forgotten[lost] += 1
        first = won[self.learned_in[won] == 0]
        self._add(LEARNED, first)
        self.learned_in[first] = epoch

    def _add(self, name: str, positions: Ints) -> None:
        self._counts[name] += np.bincount(self._labels[positions], minlength=len(self._rows))

    def figures(self) -> tuple[dict[str, float], dict[str, Floats]]:
        """What the history has of all rows, and of every class, each of shape (K,)."""
        counts = self._counts.items()
        return (
            {name: float(count.sum() / len(self._labels)) for name, count in counts},
            {name: ratio(count, self._rows) for name, count in counts},
        )

    def by_row(self, feed: Feed, seen: Ints) -> LearnedRows:
        """Of the rows of `feed`, each of which was `seen` so many times, shape (N,)."""
        return LearnedRows(
            feed.places,
            feed.names,
            self._labels,
            self.learned_in,
            self.forgotten,
            self.is_right,
            ratio(self.margins.astype(np.float64), seen).astype(np.float32),
        )

    def state(self, epoch: int) -> Arrays:
        """The arrays of `row_learning_shapes` in this epoch."""
        count = _count(epoch)
        return {
            MARGINS: self.margins.copy(),
            LEARNED_IN: self.learned_in.astype(count),
            STANDING: (2 * self.forgotten + self.is_right).astype(count),
        }

    def restore(self, arrays: Arrays, epoch: int) -> None:
        """Go on from a state in this epoch; raises `MtrainError` for values that no training has."""
        learned_in, standing = (arrays[name].astype(np.int64) for name in (LEARNED_IN, STANDING))
        forgotten, is_right = standing // 2, standing % 2
        # It is right once between two times that it is forgotten, and wrong only if it is forgotten.
        too_often = (learned_in + 2 * forgotten - 1 + is_right > epoch) | (standing == 0)
        if np.where(learned_in == 0, standing > 0, too_often).any():
            raise MtrainError(f"{STANDING} cannot be of rows in epoch {epoch:,}")
        self.margins = arrays[MARGINS].copy()
        self.learned_in, self.forgotten, self.is_right = learned_in, forgotten, is_right == 1
        for name, events in ((LEARNED, learned_in), (FORGOTTEN, forgotten)):
            self._counts[name][:] = 0
            self._add(name, np.flatnonzero(events))


def row_learning_shapes(rows: int, epoch: int) -> Shapes:
    """Types and shapes of the arrays of a state in this epoch, counted from 1."""
    count = np.dtype(_count(epoch)).name
    return {MARGINS: ("float32", (rows,)), LEARNED_IN: (count, (rows,)), STANDING: (count, (rows,))}


def odds_of(labels: tf.Tensor, predicted: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The odds (B,) of rows with classes `labels` and `predicted` (B,) and probabilities (B, K).

    The label's probability over that of the most probable other class; with a minus where the row is
    wrong, which of two equal ones nothing else tells.
    """
    is_label = tf.one_hot(labels, scores.shape[1], on_value=True, off_value=False)
    of_label = tf.reduce_max(tf.where(is_label, scores, 0.0), axis=1)
    of_other = tf.reduce_max(tf.where(is_label, 0.0, scores), axis=1)
    odds = tf.maximum(of_label, SMALLEST) / tf.maximum(of_other, SMALLEST)
    return tf.where(labels == predicted, odds, -odds)


def _count(epoch: int) -> type[np.generic]:
    return np.uint16 if epoch <= MOST_EPOCHS else np.uint32
