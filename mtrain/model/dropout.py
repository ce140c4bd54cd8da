"""Dropout, with its rate in a variable."""

from __future__ import annotations

from typing import ClassVar

import keras
import tensorflow as tf


class Dropout(keras.layers.Dropout):  # type: ignore[misc]  # Keras has no types
    """Keras' dropout, to the last bit, with a rate that can change in a compiled loop."""

    random_numbers: ClassVar = "auto_select"

    def __init__(self, rate: float, *, seed: int, name: str | None = None) -> None:
        """`rate`, in (0, 1), is the share of outputs set to zero."""
        super().__init__(rate, seed=seed, name=name)
        # 1 / (1 - rate) is divided in float64, as Keras does.
        self.numbers = {"rate": tf.Variable(rate), "scale": tf.Variable(1 / (1 - rate))}
        """What the compiled loop takes as inputs, float32."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """As `keras.layers.Dropout.call`."""
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        drawn = tf.random.stateless_uniform(tf.shape(inputs), seed, alg=self.random_numbers)
        kept = drawn >= self.numbers["rate"]
        return tf.where(kept, inputs * self.numbers["scale"], tf.zeros(()))


class XlaDropout(Dropout):
    """For a training that XLA compiles: random numbers are ThreeFry's, not those XLA would choose.

    On a CPU XLA's take longer than the rest of a step (`benchmarks/dropout.py`). ThreeFry: Salmon
    et al., "Parallel random numbers: as easy as 1, 2, 3", SC11; without XLA TensorFlow has no such
    numbers on a CPU.
    """

    random_numbers: ClassVar = "threefry"


def dropout_layer(jit_compile: bool) -> type[Dropout]:
    """The kind for a training that XLA compiles, or does not."""
    return XlaDropout if jit_compile else Dropout
