"""Dropout for a training that XLA compiles."""

from __future__ import annotations

import keras
import tensorflow as tf


class XlaDropout(keras.layers.Dropout):  # type: ignore[misc]  # Keras has no types
    """Keras' dropout but for the random numbers: ThreeFry's, not those that XLA would choose.

    On a CPU XLA's take longer than the rest of a step (`benchmarks/dropout.py`). ThreeFry: Salmon
    et al., "Parallel random numbers: as easy as 1, 2, 3", SC11; without XLA TensorFlow has no such
    numbers on a CPU.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """As `keras.layers.Dropout.call`."""
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        return tf.nn.experimental.stateless_dropout(
            inputs, rate=self.rate, seed=seed, rng_alg="threefry"
        )


def dropout_layer(jit_compile: bool) -> type[keras.layers.Dropout]:
    """The kind for a training that XLA compiles, or does not."""
    return XlaDropout if jit_compile else keras.layers.Dropout
