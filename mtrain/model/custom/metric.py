"""A custom metric."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from mtrain.errors import MtrainError
from mtrain.model.custom.trial import (
    as_numbers,
    build_custom,
    check_finite,
    few_rows,
    targets,
    try_compiled,
    wrong,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mtrain.config.experiment.custom_code import CustomMetric
    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.training import Predictions


@dataclass(frozen=True, eq=False)
class CustomFigure:
    """A custom metric."""

    name: str
    counter: keras.metrics.Metric | None
    """Its counter in the compiled loop, batch by batch; None if it needs a whole split."""

    _of_rows: Callable[[NDArray[np.float32], NDArray[np.float32]], float]

    def of_split(self, predictions: Predictions) -> float:
        """Its value for all rows of a split; the counts of `counter` are reset."""
        labels, outputs = predictions.labels, predictions.probabilities
        n_classes = outputs.shape[1]
        return self._of_rows(
            targets(labels, n_classes), outputs[:, 1:] if n_classes == 2 else outputs
        )


def custom_metric(config: CustomMetric, code: ImportedCode) -> CustomFigure:
    """A `keras.metrics.Metric`, or a function, as a figure of whole splits.

    A function of one value a row is averaged over the rows; one of a single value is given all rows
    of a split as NumPy arrays.
    """
    metric = build_custom(config, code, keras.metrics.Metric)
    return CustomFigure(config.object, None, partial(_mean, config, code, metric))


def tried_metric(
    config: CustomMetric, code: ImportedCode, n_classes: int, *, jit_compile: bool
) -> CustomFigure:
    """The figure of `custom_metric`, with a counter in the compiled loop if it can have one.

    A function of one value a row can, where it can be compiled. Raises `MtrainError` if it fails on
    a few rows, or returns other values or values that are not finite.
    """
    metric = build_custom(config, code, keras.metrics.Metric)
    figure = CustomFigure(config.object, None, partial(_mean, config, code, metric))
    rows = few_rows(n_classes)
    results = _values(config, code, metric, *rows)
    check_finite(config, "is", results)
    if isinstance(metric, keras.metrics.Metric):
        _check_counter(config, code, metric, rows, jit_compile=jit_compile)
        return replace(figure, counter=metric)
    if results.shape == ():
        return figure
    # In float64, as everything that is added up over an epoch.
    counter = keras.metrics.MeanMetricWrapper(metric, config.object, "float64")
    try:
        _check_counter(config, code, counter, rows, jit_compile=jit_compile)
    except MtrainError:  # a function of NumPy's: of whole splits alone
        return figure
    return replace(figure, counter=counter)


def _mean(
    config: CustomMetric,
    code: ImportedCode,
    metric: Any,
    labels: NDArray[np.float32],
    outputs: NDArray[np.float32],
) -> float:
    return float(_values(config, code, metric, labels, outputs).mean(dtype=np.float64))


def _values(
    config: CustomMetric,
    code: ImportedCode,
    metric: Any,
    labels: NDArray[np.float32],
    outputs: NDArray[np.float32],
) -> NDArray[np.floating[Any]]:
    """Its value for all rows, or of a function also one value a row."""
    counts = isinstance(metric, keras.metrics.Metric)
    function = partial(_counted, metric) if counts else metric
    with code.attributing_errors(config):
        # Copies: it may work in place, and others read these.
        values = as_numbers(config, function(labels.copy(), outputs.copy()))
    if values.shape != () and (counts or values.shape != labels.shape[:1]):
        or_rows = "" if counts else f", or one a row, shape {labels.shape[:1]}"
        raise wrong(config, f"must be a number{or_rows}, got shape {values.shape}")
    return values


def _check_counter(
    config: CustomMetric,
    code: ImportedCode,
    metric: keras.metrics.Metric,
    rows: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    jit_compile: bool,
) -> None:
    """Raise `MtrainError` for a counter that counts differently when compiled."""
    compiled = try_compiled(config, code, metric.update_state, rows, jit_compile=jit_compile)
    values = []
    for update in (metric.update_state, compiled):
        metric.reset_state()
        with code.attributing_errors(config):
            for _ in range(2):  # Python code is run only once, when it is compiled
                update(*map(tf.constant, rows))
            values.append(float(metric.result()))
    metric.reset_state()
    if not math.isclose(*values, rel_tol=1e-4, abs_tol=1e-6):
        problem = "gives {:g} when Python runs it, but {:g} when it is compiled".format(*values)
        raise wrong(config, f"{problem}; keep its state in variables made by `self.add_weight`")


def _counted(
    metric: keras.metrics.Metric, labels: NDArray[np.float32], outputs: NDArray[np.float32]
) -> Any:
    metric.reset_state()
    metric.update_state(tf.constant(labels), tf.constant(outputs))
    value = keras.tree.map_structure(np.asarray, metric.result())
    metric.reset_state()
    return value
