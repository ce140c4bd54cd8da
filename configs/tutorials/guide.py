"""What the guide to training and evaluating writes by hand: two losses, a metric, a layer.

Labels are one-hot, (B, 10); outputs are probabilities, (B, 10).
"""

import keras
from keras import ops


def mean_difference(y_true, y_pred):
    """How far the outputs are from the labels, on average."""
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class WeightedBinaryCrossentropy(keras.losses.Loss):
    """Binary cross-entropy of every output, that of the true class weighted, and all of it."""

    def __init__(self, pos_weight, weight, name="weighted_binary_crossentropy"):
        super().__init__(name=name)
        self.pos_weight = pos_weight
        self.weight = weight

    def call(self, y_true, y_pred):
        p = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
        by_output = self.pos_weight * y_true * ops.log(p) + (1 - y_true) * ops.log(1 - p)
        return -self.weight * ops.mean(by_output, axis=-1)


class CategoricalTruePositives(keras.metrics.Metric):
    """Rows whose class was predicted."""

    def __init__(self, name="categorical_true_positives"):
        super().__init__(name=name)
        self.true_positives = self.add_weight(name="true_positives", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):  # noqa: ARG002 -- as Keras has it
        right = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
        self.true_positives.assign_add(ops.sum(ops.cast(right, self.dtype)))

    def result(self):
        return self.true_positives


class ActivityRegularization(keras.layers.Layer):
    """Adds this times the sum of what it is given to the loss of a batch."""

    def __init__(self, rate, **options):
        super().__init__(**options)
        self.rate = rate

    def call(self, inputs):
        self.add_loss(self.rate * ops.sum(inputs))
        return inputs


def with_activity(n_features, n_classes, rate):
    """64 units, their outputs penalised, then 64 more."""
    return keras.Sequential(
        [
            keras.Input((n_features,)),
            keras.layers.Dense(64, activation="relu"),
            ActivityRegularization(rate),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(n_classes, activation="softmax"),
        ]
    )
