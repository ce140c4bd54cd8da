"""A model with its inputs and the meaning of its outputs: the same for training and predicting."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import tensorflow as tf

from mtrain.model.perceptron import adjustable_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mtrain.records.arrays import Arrays, Shapes


Variables = dict[str, keras.Variable | tf.Variable]
"""Variables by names that are the same in every process; Keras' paths are not, as they number
earlier objects."""

OF_LABELS = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.CategoricalGeneralizedCrossEntropy,
)
"""Losses of labels (B,); all others are of one-hot rows (B, K)."""


@dataclass(frozen=True, eq=False)
class Network:
    """A model with everything between a batch of rows, its loss and the predicted classes."""

    model: keras.Model
    loss_function: keras.losses.Loss
    n_classes: int
    divisor: tf.Variable | None
    """Divides every input. A variable: XLA turns division by a constant 255 into multiplication,
    and the weights drift from Keras' by up to 0.07."""

    loss_state: Variables
    """The state of a custom loss between batches, as `loss/<number>`: Keras may have numbered its
    names."""

    numbers: Variables
    """The divisor, factors of penalties and rates of dropout: inputs of a compiled loop, by which
    networks of one shape differ."""

    def inputs(self, features: tf.Tensor) -> tf.Tensor:
        """Features (B, D) of any type as the model's input, float32."""
        inputs = tf.cast(features, tf.float32)
        return inputs if self.divisor is None else inputs / self.divisor

    def loss(
        self, labels: tf.Tensor, outputs: tf.Tensor, weights: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Mean loss of a batch, penalties included, summed in the order in which Keras does.

        `weights`, shape (B,), multiply the rows' losses; as in Keras, their sum is divided by the
        number of rows, whatever the weights, and penalties are not weighted.
        """
        if not isinstance(self.loss_function, OF_LABELS):
            labels = self.targets(labels)
        loss = self.loss_function(labels, outputs, weights)
        if not self.model.losses:
            return loss
        return keras.ops.sum([loss, *(keras.ops.sum(penalty) for penalty in self.model.losses)])

    def targets(self, labels: tf.Tensor) -> tf.Tensor:
        """Labels (B,) as outputs should be, float32: of two classes (B, 1), of more one-hot (B, K)."""
        if self.n_classes == 2:
            return tf.cast(labels[:, None], tf.float32)
        return tf.one_hot(labels, self.n_classes)

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Outputs as one probability a class, shape (B, K)."""
        if outputs.shape[1] == self.n_classes:  # an ensemble has both columns of two classes
            return outputs
        return tf.concat([1 - outputs, outputs], axis=1)

    def predicted(self, outputs: tf.Tensor) -> tf.Tensor:
        """The predicted class, shape (B,), int32: the most probable one; of equal ones the lowest."""
        # Not Keras' 0.5 threshold: with three classes the winner may hold only 0.4. Of two
        # classes the second wins above 0.5, which 1 - p, exact there, decides just so.
        return tf.argmax(self.probabilities(outputs), axis=-1, output_type=tf.int32)


def make_network(
    model: keras.Model,
    loss_function: keras.losses.Loss,
    n_classes: int,
    divisor: float | None,
    loss_variables: Sequence[tf.Variable] = (),
) -> Network:
    """A network whose inputs are divided by `divisor`; None: not divided.

    `loss_variables` are the state of the loss between batches.
    """
    variable = None if divisor is None else tf.Variable(divisor, trainable=False, name="divisor")
    state: Variables = {f"loss/{n}": variable for n, variable in enumerate(loss_variables, 1)}
    numbers = adjustable_numbers(model) | ({} if variable is None else {"divisor": variable})
    return Network(model, loss_function, n_classes, variable, state, numbers)


def model_variables(model: keras.Model) -> Variables:
    """Weights, moving statistics and generators, as `model/<layer>/<variable>`."""
    variables: Variables = {}
    for layer in model.layers:
        variables |= _named(f"model/{layer.name}/", layer.variables)
    return variables


def metric_variables(name: str, metric: keras.metrics.Metric) -> Variables:
    """A metric's counts, as `counts/<name>/<variable>`."""
    return _named(f"counts/{name}/", metric.variables)


def optimizer_variables(optimizer: keras.optimizers.Optimizer) -> Variables:
    """The variables of a built optimizer, as `optimizer/<variable>`."""
    return _named("optimizer/", optimizer.variables)


def _named(prefix: str, variables: Iterable[keras.Variable]) -> Variables:
    """Variables by name; equal names, as Adafactor's and those of nested layers, are numbered."""
    by_name: Variables = {}
    numbers: Counter[str] = Counter()
    for variable in variables:
        # Keras numbers variables without a name, as Nadam's, by earlier objects.
        name = re.sub(r"^variable_\d+$", "variable", variable.name)
        numbers[name] += 1
        by_name[prefix + name + (f"_{numbers[name]}" if numbers[name] > 1 else "")] = variable
    return by_name


def take_arrays(variables: Variables) -> Arrays:
    """Copies of the values."""
    return {name: variable.numpy().copy() for name, variable in variables.items()}


def variable_shapes(variables: Variables) -> Shapes:
    """The shapes and types that `put_arrays` expects."""
    return {
        name: (keras.backend.standardize_dtype(variable.dtype), tuple(variable.shape))
        for name, variable in variables.items()
    }


def put_arrays(variables: Variables, arrays: Arrays) -> None:
    """Put back what `take_arrays` took: arrays of the `variable_shapes`."""
    for name, variable in variables.items():
        variable.assign(arrays[name])
