"""The user's own loss, model and metrics, tried on a few rows, as what Keras calls them by.

Labels are one-hot, (B, K) float32, and outputs the probabilities, (B, K), as Keras has them for a
categorical loss; two classes have one column of each, (B, 1), for the second.
"""

from __future__ import annotations

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

FEW = 20
"""Rows on which own code is tried before anything is trained."""


def own_loss(config: OwnLoss, code: UserCode, n_classes: int) -> keras.losses.Loss:
    """A function, or a `keras.losses.Loss`, as a loss.

    Raises `MtrainError` where it fails on a few rows, gives what is not finite, no loss a row, or
    no gradient.
    """
    loss = _made(config, code, keras.losses.Loss)
    if not isinstance(loss, keras.losses.Loss):
        loss = _FunctionLoss(loss, config.object)
    labels, outputs = (tf.constant(rows) for rows in _few_rows(n_classes))
    with code.blaming(config), tf.GradientTape() as tape:
        tape.watch(outputs)
        by_row = _numbers(config, loss.call(labels, outputs)).shape
        value = loss(labels, outputs)
    if by_row not in {(), (FEW,)}:
        raise _wrong(config, f"must be one loss a row, shape ({FEW},) for {FEW} rows, got {by_row}")
    if value.shape != ():
        raise _wrong(config, f"must be reduced to a number, got shape {tuple(value.shape)}")
    if (gradient := tape.gradient(value, outputs)) is None:
        raise _wrong(config, "has no gradient: the outputs do not decide it, or not smoothly")
    _check_finite(config, "is", value.numpy())
    _check_finite(config, "has a gradient that is", gradient.numpy())
    return loss


def own_model(
    config: OwnModel, code: UserCode, n_features: int, n_classes: int, seed: int
) -> keras.Model:
    """The `keras.Model` that the function makes of the numbers of features and classes.

    `seed` draws what the function leaves to chance. Raises `MtrainError` for anything else than a
    model from (N, `n_features`) to the probabilities of the classes.
    """
    keras.utils.clear_session()  # Keras numbers a process's layers; checkpoints have their names
    keras.utils.set_random_seed(seed)
    build = _made(config, code, keras.Model)
    with code.blaming(config):
        model = build(n_features, n_classes)
    if not isinstance(model, keras.Model):
        raise _wrong(config, f"must return a keras.Model, got {type(model).__name__}")
    if getattr(model, "inputs", None) is None:
        raise _wrong(config, "must return a sequential or functional model that has a keras.Input")
    rows = np.random.default_rng(0).uniform(size=(FEW, n_features)).astype(np.float32)
    with code.blaming(config):
        outputs = np.asarray(model(rows))
    wanted = (FEW, 1 if n_classes == 2 else n_classes)
    if outputs.shape != wanted:
        raise _wrong(config, f"must give {wanted} for {rows.shape}, got {outputs.shape}")
    sums = outputs.sum(axis=1) if n_classes > 2 else 1.0
    if not ((outputs >= 0) & (outputs <= 1)).all() or not np.allclose(sums, 1, atol=1e-3):
        last = "a sigmoid" if n_classes == 2 else "a softmax"
        raise _wrong(config, f"must give probabilities, as {last} does")
    return model


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
    config: OwnMetric, code: UserCode, n_classes: int, *, jit_compile: bool = False
) -> OwnFigure:
    """A `keras.metrics.Metric`, or a function, as a figure.

    A function of one value a row is averaged over the rows, in the compiled loop where it can be
    compiled; one of a single value is given all rows of a split as NumPy arrays. Raises
    `MtrainError` where it fails on a few rows, or gives what is no such value or not finite.
    """
    metric = _made(config, code, keras.metrics.Metric)
    rows = _few_rows(n_classes)
    of_rows = metric
    if counts := isinstance(metric, keras.metrics.Metric):
        of_rows, counter = partial(_counted, metric), metric
    else:
        with code.blaming(config):
            shape = _numbers(config, metric(*rows)).shape
        if shape not in {(), (FEW,)}:
            raise _wrong(
                config,
                f"must be a number, or one a row, shape ({FEW},) for {FEW} rows, got {shape}",
            )
        # In float64, as everything that is added up over an epoch.
        counter = (
            keras.metrics.MeanMetricWrapper(metric, config.object, "float64") if shape else None
        )

    def of_split(labels: NDArray[np.float32], outputs: NDArray[np.float32]) -> float:
        with code.blaming(config):
            value = _numbers(config, of_rows(labels, outputs))
        if counts and value.shape != ():
            raise _wrong(config, f"its result must be a number, got shape {value.shape}")
        return float(value.mean(dtype=np.float64))

    _check_finite(config, "is", np.asarray(of_split(*rows)))
    if counter is not None:
        try:
            with code.blaming(config):
                tf.function(counter.update_state, jit_compile=jit_compile, autograph=False)(
                    *(tf.constant(array) for array in rows)
                )
            counter.reset_state()
        except MtrainError as error:
            if counts:
                remedy = "; training.compile: graph may" if jit_compile else ""
                raise MtrainError(f"{error}: cannot be compiled{remedy}") from error
            counter = None  # a function of NumPy's: of whole splits alone
    return OwnFigure(config.object, counter, of_split)


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
    labels = np.arange(FEW) % n_classes
    draws = np.random.default_rng(0).uniform(0.1, 1, size=(FEW, n_classes))
    draws[np.arange(FEW), labels] += np.arange(FEW) % 2
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
