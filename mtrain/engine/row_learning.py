"""When each training row was learned, how often it was forgotten, and by how much it was right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from mtrain.errors import MtrainError
from mtrain.metrics.counts import ratio
from mtrain.metrics.learning import FORGOTTEN, LEARNED
from mtrain.records.training import OF_ROWS, SEEN, LearnedRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.engine.feed import Feed
    from mtrain.records.arrays import Arrays, Floats, Ints, Shapes

SMALLEST = 1e-7
"""The least probability in a margin, as in Keras' losses: none is infinite."""

LARGEST_MARGIN = 17.0
"""A little beyond the logarithm of 1 / `SMALLEST`."""

MARGINS, LEARNED_IN, STANDING = (OF_ROWS + name for name in ("margins", "learned_in", "standing"))
"""The arrays of a training's state, besides `SEEN`: together seven bytes a row up to epoch 255, then ten."""


class RowLearning:
    """What is known of N training rows so far."""

    def __init__(self, labels: NDArray[np.int32], n_classes: int) -> None:
        self._labels = labels
        self._rows = np.bincount(labels, minlength=n_classes)
        self.margin_sums = np.zeros(len(labels), np.float32)
        """The sum of each row's margins.

        A margin is the logarithm of its label's probability over that of the most probable other class:
        with softmax the difference of their logits (Pleiss et al. 2020, Identifying Mislabeled Data
        using the Area Under the Margin Ranking).
        """

        self.learned_in = np.zeros(len(labels), np.int32)
        """The epoch in which it was right first; 0: never."""

        self.times_forgotten = np.zeros(len(labels), np.int32)
        """How often it was wrong after it had been right the time before (Toneva et al. 2019, An
        Empirical Study of Example Forgetting during Deep Neural Network Learning)."""

        self.is_right = np.zeros(len(labels), np.bool_)
        """Whether it was right the last time."""

        self.seen = np.zeros(len(labels), np.int32)
        """How often it was learned from."""

    def count(
        self, epoch: int, positions: NDArray[np.int32], signed_odds: NDArray[np.float32]
    ) -> None:
        """Add the `signed_odds_of` rows at `positions`, none of them twice, in an epoch from 1."""
        at = positions.astype(np.int64)  # by which NumPy finds elements twice as fast
        rows: slice | Ints = at
        if is_whole := len(positions) == len(self.seen):
            # In the order of the rows, in which NumPy finds them twice as fast.
            in_order = np.empty_like(signed_odds)
            in_order[at] = signed_odds
            rows, signed_odds = slice(None), in_order
        self.margin_sums[rows] += np.log(np.abs(signed_odds))
        is_right = signed_odds > 0
        changed = np.flatnonzero(self.is_right[rows] != is_right)
        if not is_whole:
            changed = at[changed]
        self.is_right[rows] = is_right
        self.seen[rows] += 1
        is_won = self.is_right[changed]
        self.times_forgotten[changed[~is_won]] += 1
        won = changed[is_won]
        self.learned_in[won[self.learned_in[won] == 0]] = epoch

    def figures(self) -> tuple[dict[str, float], dict[str, Floats]]:
        """What the history has of all rows that were seen, and of those of every class, shape (K,)."""
        # By those that are few: not learned, forgotten, never seen.
        rows = self._rows - self._by_class(self.seen == 0)
        counts = {
            LEARNED: self._rows - self._by_class(self.learned_in == 0),
            FORGOTTEN: self._by_class(self.times_forgotten > 0),
        }
        return (
            {name: float(ratio(count.sum(), rows.sum())) for name, count in counts.items()},
            {name: ratio(count, rows) for name, count in counts.items()},
        )

    def _by_class(self, rows: NDArray[np.bool_]) -> Ints:
        """Of these rows, those of each class, shape (K,)."""
        return np.bincount(self._labels[rows], minlength=len(self._rows))

    def by_row(self, feed: Feed) -> LearnedRows:
        """Of the rows of `feed`."""
        return LearnedRows(
            feed.places,
            feed.names,
            self._labels,
            self.learned_in,
            self.times_forgotten,
            self.is_right,
            ratio(self.margin_sums.astype(np.float64), self.seen.astype(np.int64)).astype(
                np.float32
            ),
        )

    def state(self, epoch: int) -> Arrays:
        """The arrays of `shapes` in this epoch, the last one with a step."""
        count = _count(epoch)
        return {
            MARGINS: self.margin_sums.copy(),
            LEARNED_IN: self.learned_in.astype(count),
            STANDING: (2 * self.times_forgotten + self.is_right).astype(count),
            SEEN: self.seen.astype(count),
        }

    def shapes(self, epoch: int) -> Shapes:
        """Types and shapes of the arrays of a state in this epoch."""
        count, shape = np.dtype(_count(epoch)).name, self._labels.shape
        counts = dict.fromkeys((LEARNED_IN, STANDING, SEEN), (count, shape))
        return {MARGINS: ("float32", shape), **counts}

    def restore(self, arrays: Arrays, epoch: int) -> None:
        """Go on from a state in this epoch; raises `MtrainError` for values that no training has."""
        learned_in, standing, seen = (
            arrays[name].astype(np.int32) for name in (LEARNED_IN, STANDING, SEEN)
        )
        forgotten, is_right = standing // 2, standing % 2
        # It is right once between two times that it is forgotten, and wrong only if it is forgotten.
        times = 2 * forgotten + is_right
        too_often = (learned_in + times - 1 > epoch) | (times > seen) | (standing == 0)
        if np.where(learned_in == 0, standing > 0, too_often).any() or (seen > epoch).any():
            raise MtrainError(f"{STANDING} cannot be of rows in epoch {epoch:,}")
        if (np.abs(arrays[MARGINS]) > LARGEST_MARGIN * seen).any():
            raise MtrainError(f"{MARGINS} are larger than margins can be")
        self.margin_sums = arrays[MARGINS].copy()
        self.learned_in, self.times_forgotten, self.is_right = learned_in, forgotten, is_right == 1
        self.seen = seen


def signed_odds_of(labels: tf.Tensor, predicted: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """The odds (B,) of rows with classes `labels` and `predicted` (B,) and probabilities (B, K).

    The label's probability over that of the most probable other class. Negative where the row is wrong:
    at a tie they are 1 either way.
    """
    is_label = tf.one_hot(labels, scores.shape[1], on_value=True, off_value=False)
    of_label = tf.reduce_max(tf.where(is_label, scores, 0.0), axis=1)
    of_other = tf.reduce_max(tf.where(is_label, 0.0, scores), axis=1)
    odds = tf.maximum(of_label, SMALLEST) / tf.maximum(of_other, SMALLEST)
    return tf.where(labels == predicted, odds, -odds)


def _count(epoch: int) -> type[np.generic]:
    kinds: tuple[type[np.unsignedinteger], ...] = (np.uint8, np.uint16, np.uint32)
    return next(kind for kind in kinds if epoch <= np.iinfo(kind).max)
