"""A custom model."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from mtrain.model.custom.trial import build_custom, try_compiled, unchanged, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mtrain.config.experiment.custom_code import CustomModel
    from mtrain.model.custom.code import ImportedCode


def custom_model(
    config: CustomModel,
    code: ImportedCode,
    n_features: int,
    n_classes: int,
    seed: int,
) -> keras.Model:
    """The `keras.Model` that the function makes of the numbers of features and classes.

    `seed` is the seed of the function's random numbers. Raises `MtrainError` unless it is a model
    from (N, `n_features`) to the probabilities of the classes.
    """
    build = build_custom(config, code, keras.Model)
    with _seeded(seed), code.attributing_errors(config):
        model: keras.Model = build(n_features, n_classes)
    if (problem := _structural_problem(model)) is not None:
        raise wrong(config, problem)
    rows = _few_inputs(n_features)
    before = [variable.numpy() for variable in model.variables]
    with code.attributing_errors(config):
        outputs = np.asarray(model(rows))
    if not all(map(np.array_equal, before, [variable.numpy() for variable in model.variables])):
        raise wrong(
            config, "changes a variable when it only predicts, as by drawing random numbers"
        )
    wanted = (len(rows), 1 if n_classes == 2 else n_classes)
    if outputs.shape != wanted:
        raise wrong(config, f"must give {wanted} for {rows.shape}, got {outputs.shape}")
    sums = outputs.sum(axis=1) if n_classes > 2 else 1.0
    if not ((outputs >= 0) & (outputs <= 1)).all() or not np.allclose(sums, 1, atol=1e-3):
        last = "a sigmoid" if n_classes == 2 else "a softmax"
        raise wrong(config, f"must give probabilities, as {last} does")
    return model


def try_model(
    config: CustomModel, code: ImportedCode, model: keras.Model, *, jit_compile: bool
) -> None:
    """Compile the gradients of `custom_model` by XLA or not, as the training loop will.

    The model is restored. Raises `MtrainError` if they cannot be compiled.
    """

    def gradients(rows: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(rows, training=True))
        values: list[tf.Tensor] = tape.gradient(value, model.trainable_variables)
        return values

    rows = _few_inputs(model.input_shape[-1])
    with unchanged(model.variables):
        try_compiled(config, code, gradients, (rows,), jit_compile=jit_compile)


def _few_inputs(n_features: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(size=(20, n_features)).astype(np.float32)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Set the seed; Python's and NumPy's generators are restored, TensorFlow's cannot be."""
    policy = keras.config.dtype_policy()
    keras.utils.clear_session()  # Keras numbers a process's layers; checkpoints have their names
    keras.config.set_dtype_policy(policy)
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 -- the user's
    keras.utils.set_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002


def _structural_problem(model: Any) -> str | None:
    """The problem of a model's structure; None: no problem."""
    if not isinstance(model, keras.Model):
        return f"must return a keras.Model, got {type(model).__name__}"
    if getattr(model, "inputs", None) is None:
        return "must return a sequential or functional model that has a keras.Input"
    if len(model.inputs) > 1 or len(model.outputs) > 1:
        return "has several inputs or outputs; must have one of each"
    if any(not hasattr(layer.output, "shape") for layer in model.layers):
        return "has a layer of several outputs"
    if sum(len(layer.variables) for layer in model.layers) != len(model.variables):
        return "has a variable of its own; only layers may have variables"
    return None
