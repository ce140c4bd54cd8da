"""The figures of an epoch, by their names in the history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.names import RANKING_METRICS, RATIO_METRICS
from mtrain.metrics.counts import (
    ClassCounts,
    averages,
    class_counts,
    confusion_matrix,
)
from mtrain.metrics.scores import log_loss, one_against_rest, pooled, top_k_hits
from mtrain.records import EpochRecord, Floats, Predictions, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtrain.config.metrics import MetricConfig


@dataclass(frozen=True, eq=False)
class EpochFigures:
    """What the history keeps of an epoch; undefined figures are NaN."""

    epoch: int
    scalars: dict[str, float]
    """`loss`, `recall_macro`, ..., `val_loss`, ...: as in `Config.monitors`."""

    counts: dict[str, ClassCounts]
    """By split, `train` and `val`."""

    per_class: dict[str, dict[str, Floats]]
    """By split and metric, each of shape (K,)."""


def epoch_figures(record: EpochRecord, metrics: tuple[MetricConfig, ...]) -> EpochFigures:
    """All figures of the configured metrics, `loss` first."""
    scalars, per_class = _counted(record.train, metrics)
    scalars["learning_rate"] = record.learning_rate
    figures = EpochFigures(
        record.epoch,
        scalars,
        {"train": class_counts(record.train.confusion)},
        {"train": per_class},
    )
    if record.val is not None:
        counted = tally(record.val, metrics)
        scalars, per_class = _counted(counted, metrics)
        counts = class_counts(counted.confusion)
        _add_scored(record.val, counts, metrics, scalars, per_class)
        figures.scalars.update({f"val_{key}": value for key, value in scalars.items()})
        figures.counts["val"] = counts
        figures.per_class["val"] = per_class
    return figures


def tally(predictions: Predictions, metrics: Iterable[MetricConfig] = ()) -> Tally:
    """Predictions as counts, just as training counts while it runs."""
    n_classes = predictions.probabilities.shape[1]
    confusion = confusion_matrix(predictions.labels, predictions.predicted, n_classes)
    k = counted_k(metrics)
    if k is None:
        return Tally(predictions.loss, confusion)
    hits = top_k_hits(predictions.labels, predictions.probabilities, k)
    return Tally(predictions.loss, confusion, hits)


def counted_k(metrics: Iterable[MetricConfig]) -> int | None:
    """The k of `top_k`, or None where the run does not count it."""
    return next((metric.best_k for metric in metrics if metric.name == "top_k"), None)


def scores_by_class(name: str, predictions: Predictions) -> tuple[Floats, float]:
    """`roc_auc` or `average_precision` of each class, shape (K,), and of all pooled (micro)."""
    labels, probabilities = predictions.labels, predictions.probabilities
    values = [getattr(counts, name) for counts in one_against_rest(labels, probabilities)]
    return np.array(values), getattr(pooled(labels, probabilities), name)


def _counted(
    counted: Tally, metrics: tuple[MetricConfig, ...]
) -> tuple[dict[str, float], dict[str, Floats]]:
    counts = class_counts(counted.confusion)
    scalars = {"loss": counted.loss}
    per_class = {}
    for metric in metrics:
        if metric.name == "accuracy":
            scalars["accuracy"] = counts.accuracy
        elif metric.name == "top_k" and counted.top_k is not None:
            scalars["top_k"] = counted.top_k / int(counted.confusion.sum())
        elif metric.name in RATIO_METRICS:
            values = per_class[metric.name] = getattr(counts, metric.name)
            micro = float(getattr(counts.pooled(), metric.name)[0])
            scalars |= _averaged(metric.name, values, counts, micro)
    return scalars, per_class


def _add_scored(
    predictions: Predictions,
    counts: ClassCounts,
    metrics: tuple[MetricConfig, ...],
    scalars: dict[str, float],
    per_class: dict[str, Floats],
) -> None:
    for metric in metrics:
        if metric.name == "log_loss":
            scalars["log_loss"] = log_loss(predictions.labels, predictions.probabilities)
        elif metric.name in RANKING_METRICS:
            values, micro = scores_by_class(metric.name, predictions)
            per_class[metric.name] = values
            scalars |= _averaged(metric.name, values, counts, micro)


def _averaged(name: str, values: Floats, counts: ClassCounts, micro: float) -> dict[str, float]:
    found = averages(values, counts.support, micro)
    return {f"{name}_{kind}": value for kind, value in found.items()}
