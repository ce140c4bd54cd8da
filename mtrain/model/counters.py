"""Keras' metrics, which count a training batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtrain.config.experiment.metrics import AnyMetric


def build_counters(metrics: Iterable[AnyMetric]) -> dict[str, keras.metrics.Metric]:
    """Counters, batch by batch, of Keras' metrics; in float64, hence exact."""
    kinds = {"keras_precision": _Precision, "keras_recall": _Recall}
    names = (metric.name for metric in metrics)
    return {name: kinds[name](name=name, dtype="float64") for name in names if name in kinds}


class _Precision(keras.metrics.Precision):  # type: ignore[misc]  # Keras has no types
    """Keras' precision; if nothing is above 0.5 it is undefined, not 0."""

    def result(self) -> Any:
        return (self.true_positives / (self.true_positives + self.false_positives))[0]


class _Recall(keras.metrics.Recall):  # type: ignore[misc]  # Keras has no types
    """Likewise."""

    def result(self) -> Any:
        return (self.true_positives / (self.true_positives + self.false_negatives))[0]
