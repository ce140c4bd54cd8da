"""A custom loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from mtrain.model.custom.trial import (
    as_numbers,
    build_custom,
    check_finite,
    few_rows,
    try_compiled,
    unchanged,
    wrong,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.config.experiment.custom_code import CustomLoss
    from mtrain.model.custom.code import ImportedCode


MEANS = ("sum_over_batch_size", "mean")
"""Keras' names of the one reduction by which batches add up to an epoch's mean."""


def custom_loss(config: CustomLoss, code: ImportedCode) -> keras.losses.Loss:
    """A function, or a `keras.losses.Loss`, as a loss."""
    loss = build_custom(config, code, keras.losses.Loss)
    return loss if isinstance(loss, keras.losses.Loss) else _FunctionLoss(loss, config.object)


def loss_variables(
    config: CustomLoss, code: ImportedCode, loss: keras.losses.Loss, n_classes: int
) -> list[tf.Variable]:
    """The state of a loss between batches, in the order in which it is read.

    Raises `MtrainError` if it cannot be traced for an unknown number of rows.
    """
    rows = [tf.TensorSpec((None, *array.shape[1:]), tf.float32) for array in few_rows(n_classes)]
    with code.attributing_errors(config):
        graph = tf.function(loss.call, autograph=False).get_concrete_function(*rows).graph
    # The graph has its variables as a set, but what it captures in order.
    by_handle = {id(variable.handle): variable for variable in graph.variables}
    return [by_handle[id(handle)] for handle, _ in graph.captures if id(handle) in by_handle]


def try_loss(
    config: CustomLoss,
    code: ImportedCode,
    loss: keras.losses.Loss,
    n_classes: int,
    *,
    jit_compile: bool,
) -> None:
    """Compute `custom_loss` on a few rows, compiled as the training loop will be, and not.

    Its state is restored. Raises `MtrainError` if it fails, cannot be compiled, counts in Python, or
    returns values that are not finite, not one loss a row, not their mean, or without a gradient.
    """
    if loss.reduction not in MEANS:
        problem = f"must be reduced to the mean over rows, {MEANS[0]!r}, got {loss.reduction!r}"
        raise wrong(config, problem)
    variables = loss_variables(config, code, loss, n_classes)
    labels, outputs = (tf.constant(rows) for rows in few_rows(n_classes))

    def differentiated(labels: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(labels, outputs)
        return value, tape.gradient(value, outputs)

    with unchanged(variables), code.attributing_errors(config):
        by_row = as_numbers(config, loss.call(labels, outputs)).shape
    if by_row != (len(labels),):
        wanted = f"shape ({len(labels)},) for {len(labels)} rows"
        raise wrong(config, f"must be one loss a row, {wanted}, got {by_row}")
    with unchanged(variables), code.attributing_errors(config):
        value, gradient = differentiated(labels, outputs)
    if gradient is None:
        raise wrong(config, "has no gradient: it does not depend on the outputs, or not smoothly")
    check_finite(config, "is", value.numpy())
    check_finite(config, "has a gradient that is", gradient.numpy())
    with unchanged(variables):
        compiled = try_compiled(
            config, code, differentiated, (labels, outputs), jit_compile=jit_compile
        )

    def is_same(function: Callable[..., Any]) -> bool:
        values = []
        for _ in range(2):
            with unchanged(variables), code.attributing_errors(config):
                values.append(float(function(labels, outputs)[0]))
        return math.isclose(*values, rel_tol=1e-4)

    if is_same(compiled) and not is_same(differentiated):
        problem = "gives different values each time, but not when it is compiled"
        raise wrong(config, f"{problem}; keep what changes between calls in a `keras.Variable`")


class _FunctionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """The mean over the rows of a function of labels and outputs."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__(name=name)
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred)
