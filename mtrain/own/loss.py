"""A loss of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from mtrain.errors import MtrainError
from mtrain.own.trial import (
    as_numbers,
    check_finite,
    few_rows,
    made,
    try_compiled,
    unchanged,
    wrong,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.config.own_code import OwnLoss
    from mtrain.own.code import UserCode


def own_loss(
    config: OwnLoss, code: UserCode, n_classes: int, *, jit_compile: bool | None = None
) -> keras.losses.Loss:
    """A function, or a `keras.losses.Loss`, as a loss.

    It is tried as a loop that is compiled by XLA, or is not; None: not at all. Raises `MtrainError`
    where it fails on a few rows, cannot be compiled, gives what is not finite, no loss a row, or no
    gradient.
    """
    loss = made(config, code, keras.losses.Loss)
    if not isinstance(loss, keras.losses.Loss):
        loss = _FunctionLoss(loss, config.object)
    if jit_compile is None:
        return loss
    try:
        variables = loss_variables(config, code, loss, n_classes)
    except MtrainError:
        variables = []  # it cannot be compiled, and trying it says why
    with unchanged(variables):
        _try(config, code, loss, n_classes, jit_compile=jit_compile)
    return loss


def loss_variables(
    config: OwnLoss, code: UserCode, loss: keras.losses.Loss, n_classes: int
) -> list[tf.Variable]:
    """What a loss remembers from batch to batch, in the order in which it reads it."""
    traced = tf.function(loss, autograph=False)
    rows = map(tf.constant, few_rows(n_classes))
    with code.blaming(config):
        graph = traced.get_concrete_function(*rows).graph
    # The graph has its variables as a set, but what it captures in order.
    by_handle = {id(variable.handle): variable for variable in graph.variables}
    return [by_handle[id(handle)] for handle, _ in graph.captures if id(handle) in by_handle]


def _try(
    config: OwnLoss, code: UserCode, loss: keras.losses.Loss, n_classes: int, *, jit_compile: bool
) -> None:
    labels, outputs = (tf.constant(rows) for rows in few_rows(n_classes))

    def differentiated(labels: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(labels, outputs)
        return value, tape.gradient(value, outputs)

    with code.blaming(config):
        by_row = as_numbers(config, loss.call(labels, outputs)).shape
        value, gradient = differentiated(labels, outputs)
    rows = len(labels)
    if by_row != (rows,):
        raise wrong(
            config, f"must be one loss a row, shape ({rows},) for {rows} rows, got {by_row}"
        )
    if value.shape != ():
        raise wrong(config, f"must be reduced to a number, got shape {tuple(value.shape)}")
    if gradient is None:
        raise wrong(config, "has no gradient: the outputs do not decide it, or not smoothly")
    check_finite(config, "is", value.numpy())
    check_finite(config, "has a gradient that is", gradient.numpy())
    try_compiled(config, code, differentiated, (labels, outputs), jit_compile=jit_compile)


class _FunctionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Of a function of labels and outputs: its mean over the rows."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__(name=name)
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred)
