"""Keras' penalties, with their factors in variables, which can change in a compiled loop."""

from __future__ import annotations

import keras
import tensorflow as tf


class L2(keras.regularizers.L2):  # type: ignore[misc]  # Keras has no types
    """`factor` times the sum of squares."""

    def __init__(self, factor: float) -> None:
        super().__init__(factor)
        self.l2 = tf.Variable(factor)

    @property
    def numbers(self) -> dict[str, tf.Variable]:
        """What the compiled loop takes as inputs, float32."""
        return {"l2": self.l2}


class L1(keras.regularizers.L1):  # type: ignore[misc]  # Keras has no types
    """`factor` times the sum of absolute values."""

    def __init__(self, factor: float) -> None:
        super().__init__(factor)
        self.l1 = tf.Variable(factor)

    @property
    def numbers(self) -> dict[str, tf.Variable]:
        """What the compiled loop takes as inputs, float32."""
        return {"l1": self.l1}
