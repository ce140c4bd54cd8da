"""The user's own loss, model and metrics, tried on a few rows, as what Keras calls them by.

Labels are one-hot, (B, K) float32, and outputs the probabilities, (B, K), as Keras has them for a
categorical loss; two classes have one column of each, (B, 1), for the second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mtrain.config.own_code import OwnCode, OwnLoss, OwnMetric, OwnModel
    from mtrain.records import Ints, Predictions
    from mtrain.user_code import UserCode

MOST_ROWS = 2003
"""On which own code is tried before anything is trained; fewer of few classes."""


def own_loss(
    config: OwnLoss, code: UserCode, n_classes: int, *, jit_compile: bool | None = None
) -> keras.losses.Loss:
    """A function, or a `keras.losses.Loss`, as a loss.

    It is tried as a loop that is compiled by XLA, or is not; None: not at all. Raises `MtrainError` where it fails on a few rows, cannot be compiled, keeps a state, gives what
    is not finite, no loss a row, or no gradient.
    """
    loss = _made(config, code, keras.losses.Loss)
    if not isinstance(loss, keras.losses.Loss):
        loss = _FunctionLoss(loss, config.object)
    if jit_compile is None:
        return loss
    if any(isinstance(value, tf.Variable | keras.Variable) for value in vars(loss).values()):
        raise _wrong(config, "has a variable, which no checkpoint would keep")
    labels, outputs = (tf.constant(rows) for rows in _few_rows(n_classes))

    def differentiated(labels: tf.Tensor, outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = loss(labels, outputs)
        return value, tape.gradient(value, outputs)

    with code.blaming(config):
        by_row = _numbers(config, loss.call(labels, outputs)).shape
        value, gradient = differentiated(labels, outputs)
    rows = len(labels)
    if by_row != (rows,):
        raise _wrong(
            config, f"must be one loss a row, shape ({rows},) for {rows} rows, got {by_row}"
        )
    if value.shape != ():
        raise _wrong(config, f"must be reduced to a number, got shape {tuple(value.shape)}")
    if gradient is None:
        raise _wrong(config, "has no gradient: the outputs do not decide it, or not smoothly")
    _check_finite(config, "is", value.numpy())
    _check_finite(config, "has a gradient that is", gradient.numpy())
    _compile(config, code, differentiated, (labels, outputs), jit_compile=jit_compile)
    return loss


def own_model(
    config: OwnModel,
    code: UserCode,
    n_features: int,
    n_classes: int,
    seed: int,
    *,
    jit_compile: bool | None = None,
) -> keras.Model:
    """The `keras.Model` that the function makes of the numbers of features and classes.

    `seed` draws what the function leaves to chance; it is tried as `own_loss` is. Raises `MtrainError` for anything else than a
    model from (N, `n_features`) to the probabilities of the classes that can be compiled.
    """
    keras.utils.clear_session()  # Keras numbers a process's layers; checkpoints have their names
    keras.utils.set_random_seed(seed)
    build = _made(config, code, keras.Model)
    with code.blaming(config):
        model: keras.Model = build(n_features, n_classes)
    if (wrong := _wrong_structure(model)) is not None:
        raise _wrong(config, wrong)
    rows = np.random.default_rng(0).uniform(size=(20, n_features)).astype(np.float32)
    with code.blaming(config):
        outputs = np.asarray(model(rows))
    wanted = (len(rows), 1 if n_classes == 2 else n_classes)
    if outputs.shape != wanted:
        raise _wrong(config, f"must give {wanted} for {rows.shape}, got {outputs.shape}")
    sums = outputs.sum(axis=1) if n_classes > 2 else 1.0
    if not ((outputs >= 0) & (outputs <= 1)).all() or not np.allclose(sums, 1, atol=1e-3):
        last = "a sigmoid" if n_classes == 2 else "a softmax"
        raise _wrong(config, f"must give probabilities, as {last} does")
    if jit_compile is not None:
        _try_training(config, code, model, rows, jit_compile=jit_compile)
    return model


def _wrong_structure(model: Any) -> str | None:
    """What is wrong with a model before anything is computed."""
    if not isinstance(model, keras.Model):
        return f"must return a keras.Model, got {type(model).__name__}"
    if getattr(model, "inputs", None) is None:
        return "must return a sequential or functional model that has a keras.Input"
    if len(model.inputs) > 1 or len(model.outputs) > 1:
        return "has several inputs or outputs; one of each is wanted"
    if any(not hasattr(layer.output, "shape") for layer in model.layers):
        return "has a layer of several outputs"
    if sum(len(layer.variables) for layer in model.layers) != len(model.variables):
        return "has a variable of its own; layers alone may have some"
    return None


def _try_training(
    config: OwnModel,
    code: UserCode,
    model: keras.Model,
    rows: NDArray[np.float32],
    *,
    jit_compile: bool,
) -> None:
    """Compile its gradients as the loop will; the model stays as it was."""

    def gradients(rows: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(model(rows, training=True))
        found: list[tf.Tensor] = tape.gradient(value, model.trainable_variables)
        return found

    before = [variable.numpy() for variable in model.variables]
    _compile(config, code, gradients, (rows,), jit_compile=jit_compile)
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)


@dataclass(frozen=True, eq=False)
class OwnFigure:
    """A metric of one's own."""

    name: str
    counter: keras.metrics.Metric | None
    """What counts it in the compiled loop, batch by batch; None where it needs a whole split."""

    _of_rows: Callable[[NDArray[np.float32], NDArray[np.float32]], float]

    def of_split(self, predictions: Predictions) -> float:
        """Its value for all rows of a split; what `counter` has counted is forgotten."""
        labels, outputs = predictions.labels, predictions.probabilities
        n_classes = outputs.shape[1]
        return self._of_rows(
            _targets(labels, n_classes), outputs[:, 1:] if n_classes == 2 else outputs
        )


def own_metric(
    config: OwnMetric, code: UserCode, n_classes: int, *, jit_compile: bool | None = None
) -> OwnFigure:
    """A `keras.metrics.Metric`, or a function, as a figure.

    It is tried as `own_loss` is; what was not counts in no loop. A function of one value a row is averaged over the rows, in the compiled loop where it can be
    compiled; one of a single value is given all rows of a split as NumPy arrays. Raises
    `MtrainError` where it fails on a few rows, or gives what is no such value or not finite.
    """
    metric = _made(config, code, keras.metrics.Metric)
    rows = _few_rows(n_classes)
    counts = isinstance(metric, keras.metrics.Metric)
    of_rows = partial(_counted, metric) if counts else metric

    def value_of(labels: NDArray[np.float32], outputs: NDArray[np.float32]) -> float:
        with code.blaming(config):
            value = _numbers(config, of_rows(labels, outputs))
        if value.shape != () and (counts or value.shape != labels.shape[:1]):
            or_rows = "" if counts else f", or one a row, shape {labels.shape[:1]}"
            raise _wrong(config, f"must be a number{or_rows}, got shape {value.shape}")
        return float(value.mean(dtype=np.float64))

    if jit_compile is None:
        return OwnFigure(config.object, None, value_of)
    _check_finite(config, "is", np.asarray(value_of(*rows)))
    if counts:
        _check_counter(config, code, metric, rows, jit_compile=jit_compile)
        return OwnFigure(config.object, metric, value_of)
    with code.blaming(config):
        by_row = np.shape(metric(*rows)) != ()
    if not by_row:
        return OwnFigure(config.object, None, value_of)
    # In float64, as everything that is added up over an epoch.
    counter = keras.metrics.MeanMetricWrapper(metric, config.object, "float64")
    try:
        _compile(config, code, counter.update_state, rows, jit_compile=jit_compile)
    except MtrainError:
        counter = None  # a function of NumPy's: of whole splits alone
    else:
        counter.reset_state()
    return OwnFigure(config.object, counter, value_of)


def _check_counter(
    config: OwnMetric,
    code: UserCode,
    metric: keras.metrics.Metric,
    rows: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    jit_compile: bool,
) -> None:
    """Raise `MtrainError` for one that counts otherwise when it is compiled."""
    compiled = tf.function(metric.update_state, jit_compile=jit_compile, autograph=False)
    _compile(config, code, compiled, rows, jit_compile=jit_compile)
    values = []
    for update in (metric.update_state, compiled):
        metric.reset_state()
        with code.blaming(config):
            for _ in range(2):  # what is done in Python alone is done but once when it is compiled
                update(*map(tf.constant, rows))
            values.append(float(metric.result()))
    metric.reset_state()
    if not math.isclose(*values, rel_tol=1e-4):
        problem = "counts {:g}, and {:g} when it is compiled".format(*values)
        raise _wrong(config, f"{problem}; `add_weight` makes what it remembers")


def _compile(
    config: OwnCode,
    code: UserCode,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    *,
    jit_compile: bool,
) -> None:
    """Run `function` as the compiled loop would; raises `MtrainError` where it cannot be."""
    compiled = tf.function(function, jit_compile=jit_compile, autograph=False)
    try:
        with code.blaming(config):
            compiled(*map(tf.constant, arguments))
    except MtrainError as error:
        remedy = "; `training.compile: graph` may" if jit_compile else ""
        raise MtrainError(f"{error}: cannot be compiled{remedy}") from error


class _FunctionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Of a function of labels and outputs: its mean over the rows."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str) -> None:
        super().__init__(name=name)
        self._function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._function(y_true, y_pred)


def _made(config: OwnCode, code: UserCode, kind: type) -> Any:
    """An object of the class, or the function with its parameters."""
    found, arguments = code.objects[config.name], config.arguments
    if isinstance(found, type) and kind is keras.Model:
        raise _wrong(config, "is a class; a function that returns a model is wanted")
    if isinstance(found, type):
        if not issubclass(found, kind):
            raise _wrong(config, f"is a class, but no {kind.__name__} of Keras")
        with code.blaming(config):
            return found(**arguments)
    if isinstance(found, kind):
        if arguments:
            raise _wrong(config, f"is made already and takes no {', '.join(arguments)}")
        return found
    if not callable(found):
        what = f"is neither a function nor a {kind.__name__} of Keras"
        raise _wrong(config, f"{what}, but {type(found).__name__}")
    return partial(found, **arguments)


def _numbers(config: OwnCode, value: Any) -> NDArray[Any]:
    """What own code gave, as an array of numbers."""
    found = np.asarray(value)
    if found.dtype.kind not in "biuf":
        raise _wrong(config, f"must give numbers, got {type(value).__name__}")
    return found


def _counted(
    metric: keras.metrics.Metric, labels: NDArray[np.float32], outputs: NDArray[np.float32]
) -> Any:
    metric.reset_state()
    metric.update_state(tf.constant(labels), tf.constant(outputs))
    value = np.asarray(metric.result())
    metric.reset_state()
    return value


def _few_rows(n_classes: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Labels of every class in turn and ordinary probabilities, in which about half are right."""
    rows = np.arange(min(2 * n_classes + 3, MOST_ROWS))
    labels = rows % n_classes
    draws = np.random.default_rng(0).uniform(0.1, 1, size=(len(rows), n_classes))
    draws[rows, labels] += rows // n_classes % 2 * n_classes
    probabilities = (draws / draws.sum(axis=1, keepdims=True)).astype(np.float32)
    return _targets(labels, n_classes), probabilities[:, 1:] if n_classes == 2 else probabilities


def _targets(labels: Ints, n_classes: int) -> NDArray[np.float32]:
    """One-hot labels, or of two classes whether it is the second."""
    if n_classes == 2:
        return labels[:, None].astype(np.float32)
    return np.eye(n_classes, dtype=np.float32)[labels]


def _check_finite(config: OwnCode, what: str, values: NDArray[np.float32]) -> None:
    if not np.isfinite(values).all():
        wrong = values[~np.isfinite(values)].flat[0]
        raise _wrong(config, f"{what} {wrong} for rows of ordinary probabilities")


def _wrong(config: OwnCode, what: str) -> MtrainError:
    return MtrainError(f"{config.name}: {what}")
