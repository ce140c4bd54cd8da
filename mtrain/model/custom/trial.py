"""Trials of custom code: on a few rows, before training.

Labels are one-hot, (B, K) float32, and outputs the probabilities, (B, K), as Keras has them for a
categorical loss; two classes have one column of each, (B, 1), for the second.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from mtrain.config.experiment.custom_code import CustomCode
    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.arrays import Ints

MOST_ROWS = 2003
"""Rows on which custom code is tried before training; fewer with few classes."""


def build_custom(config: CustomCode, code: ImportedCode, kind: type) -> Any:
    """An object of the class, or the function with its parameters."""
    custom, arguments = code.objects[config.name], config.arguments
    if kind is keras.Model and isinstance(custom, type | keras.Model):
        description = "class" if isinstance(custom, type) else "model"
        raise wrong(config, f"is a {description}; a function that returns a model is wanted")
    if isinstance(custom, type):
        if not issubclass(custom, kind):
            raise wrong(config, f"is a class, but no {kind.__name__} of Keras")
        with code.attributing_errors(config):
            return custom(**arguments)
    if isinstance(custom, kind):
        if arguments:
            raise wrong(config, f"is made already and takes no {', '.join(arguments)}")
        return custom
    if not callable(custom):
        description = f"is neither a function nor a {kind.__name__} of Keras"
        raise wrong(config, f"{description}, but {type(custom).__name__}")
    return partial(custom, **arguments)


def try_compiled(
    config: CustomCode,
    code: ImportedCode,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    jit_compile: bool,
) -> Callable[..., Any]:
    """Run `function` once, compiled as in the loop.

    Raises `MtrainError` if it cannot be compiled.
    """
    compiled: Callable[..., Any] = tf.function(function, jit_compile=jit_compile, autograph=False)
    try:
        with code.attributing_errors(config):
            compiled(*map(tf.constant, arguments))
    except MtrainError as error:
        remedy = "; `training.compile: graph` may" if jit_compile else ""
        raise MtrainError(f"cannot be compiled{remedy}", where=error) from error
    return compiled


@contextmanager
def unchanged(variables: Sequence[tf.Variable]) -> Iterator[None]:
    """Restore the variables in the end."""
    before = [variable.numpy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)


def few_rows(n_classes: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels of every class in turn and ordinary probabilities, in which about half are right."""
    rows = np.arange(min(2 * n_classes + 3, MOST_ROWS))
    labels = rows % n_classes
    draws = np.random.default_rng(0).uniform(0.1, 1, size=(len(rows), n_classes))
    draws[rows, labels] += rows // n_classes % 2 * n_classes
    probabilities = (draws / draws.sum(axis=1, keepdims=True)).astype(np.float32)
    return targets(labels, n_classes), probabilities[:, 1:] if n_classes == 2 else probabilities


def targets(labels: Ints, n_classes: int) -> NDArray[np.float32]:
    """One-hot labels, or of two classes whether it is the second."""
    if n_classes == 2:
        return labels[:, None].astype(np.float32)
    return np.eye(n_classes, dtype=np.float32)[labels]


def as_numbers(config: CustomCode, value: Any) -> NDArray[Any]:
    """A value of custom code as an array of numbers; raises `MtrainError` for anything else."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise wrong(config, f"must give numbers, got {type(value).__name__}")
    return array


def check_finite(config: CustomCode, verb: str, values: NDArray[np.float32]) -> None:
    """Raise `MtrainError` if some `values` are not finite; `verb` begins the message."""
    if not np.isfinite(values).all():
        number = values[~np.isfinite(values)].flat[0]
        raise wrong(config, f"{verb} {number} for rows of ordinary probabilities")


def wrong(config: CustomCode, problem: str) -> MtrainError:
    """An error about custom code, with its name."""
    return MtrainError(problem, where=config.name)
