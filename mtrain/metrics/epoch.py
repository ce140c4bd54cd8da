"""The figures of an epoch, by their names in the history."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.catalog.metrics import BY_NAME, Source, averaged
from mtrain.config.experiment.custom_code import CustomMetric
from mtrain.config.experiment.metrics import MetricConfig
from mtrain.metrics import probabilities
from mtrain.metrics.counts import (
    ClassCounts,
    averages,
    class_counts,
    confusion_matrix,
)
from mtrain.metrics.scores import one_against_rest, pooled, top_k_hits
from mtrain.metrics.temperature import choose_temperature, probabilities_at
from mtrain.metrics.thresholds import predict_above, threshold_of
from mtrain.records.training import EpochRecord, Predictions, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtrain.config.experiment.evaluation import EvaluationConfig
    from mtrain.config.experiment.metrics import AnyMetric
    from mtrain.metrics.scores import ThresholdCounts
    from mtrain.records.arrays import Floats


RANKING = averaged(Source.SCORES)

THRESHOLD = "val_threshold"
"""The scalar with the threshold chosen on an epoch's validation; NaN if none could be chosen."""

TEMPERATURE = "val_temperature"
"""The one with the temperature chosen there; 1 if none lowers the log loss."""


@dataclass(frozen=True, eq=False)
class EpochFigures:
    """An epoch in the history; undefined figures are NaN."""

    epoch: int
    scalars: dict[str, float]
    """`loss`, `recall_macro`, ..., `val_loss`, ...: those of `Config.monitors`, and
    `learning_rate`, `val_threshold`, `val_temperature` and diagnostics, which cannot rank epochs."""

    counts: dict[str, ClassCounts]
    """By split, `train` and `val`."""

    per_class: dict[str, dict[str, Floats]]
    """By split and metric, each of shape (K,)."""


def epoch_figures(
    record: EpochRecord,
    metrics: tuple[AnyMetric, ...],
    evaluation: EvaluationConfig | None = None,
) -> EpochFigures:
    """All figures of the configured metrics, `loss` first.

    Those of the validation are at the threshold that `evaluation` gives for two classes, None: at
    0.5, as those of the training always are; `val_threshold` is there where it was chosen, and so is
    `val_temperature`. Of two classes the classes are those that the temperature's probabilities give at
    the threshold; figures of probabilities, and the loss, are those of the network without it.
    """
    scalars, counts, per_class = _split_figures(record.train, None, metrics)
    scalars["learning_rate"] = record.learning_rate
    figures = EpochFigures(record.epoch, scalars, {"train": counts}, {"train": per_class})
    if (val := record.val) is not None:
        calibrated = val
        if evaluation is not None and evaluation.calibrate is not None:
            temperature = figures.scalars[TEMPERATURE] = choose_temperature(val)
            if temperature != 1:
                scores = probabilities_at(temperature, val.probabilities)
                calibrated = replace(val, probabilities=scores)
        if evaluation is not None and val.probabilities.shape[1] == 2:
            threshold = threshold_of(
                calibrated.labels == 1, calibrated.probabilities[:, 1], evaluation, record.epoch
            )
            if evaluation.rule is not None:
                figures.scalars[THRESHOLD] = threshold
            if not math.isnan(threshold):
                val = replace(val, predicted=predict_above(calibrated, threshold).predicted)
        scalars, counts, per_class = _split_figures(tally(val, metrics), val, metrics)
        figures.scalars.update({f"val_{key}": value for key, value in scalars.items()})
        figures.counts["val"] = counts
        figures.per_class["val"] = per_class
    return figures


def tally(predictions: Predictions, metrics: Iterable[AnyMetric]) -> Tally:
    """Predictions as counts, just as training counts while it runs."""
    n_classes = predictions.probabilities.shape[1]
    confusion = confusion_matrix(predictions.labels, predictions.predicted, n_classes)
    k = counted_k(metrics)
    hits = None if k is None else top_k_hits(predictions.labels, predictions.probabilities, k)
    return Tally(predictions.loss, confusion, hits, predictions.custom)


def single_figures(predictions: Predictions, metrics: Iterable[AnyMetric]) -> dict[str, float]:
    """The values of the metrics that are one number, by name; every report has the others."""
    single = tuple(m for m in metrics if m.keys == (m.name,) or isinstance(m, CustomMetric))
    figures, _, _ = _split_figures(tally(predictions, single), predictions, single)
    return {key: value for key, value in figures.items() if key not in {"loss", "accuracy"}}


def counted_k(metrics: Iterable[AnyMetric]) -> int | None:
    """The k of `top_k`, or None if the run does not count it."""
    known = (metric for metric in metrics if isinstance(metric, MetricConfig))
    return next((metric.counted_k for metric in known if metric.name == "top_k"), None)


def ranking_figures(
    predictions: Predictions, weights: Floats | None = None
) -> dict[str, tuple[Floats, float]]:
    """Each metric of scores: of every class, shape (K,), and of all pooled (micro)."""
    rows = predictions.labels, predictions.probabilities, weights
    # One class after the other: all counts at once would be N * K.
    by_class = [_ranking(counts) for counts in one_against_rest(*rows)]
    columns = zip(*by_class, strict=True)
    micro = _ranking(pooled(*rows))
    return {
        name: (np.array(values), together)
        for name, values, together in zip(RANKING, columns, micro, strict=True)
    }


def _ranking(counts: ThresholdCounts) -> list[float]:
    return [getattr(counts, name) for name in RANKING]


def _split_figures(
    counted: Tally, predictions: Predictions | None, metrics: tuple[AnyMetric, ...]
) -> tuple[dict[str, float], ClassCounts, dict[str, Floats]]:
    """Scalars, counts and figures by class; those that need scores only with predictions."""
    counts = class_counts(counted.confusion)
    scalars = {"loss": counted.loss}
    per_class: dict[str, Floats] = {}
    known = [BY_NAME[metric.name] for metric in metrics if isinstance(metric, MetricConfig)]
    ranked = any(metric.source is Source.SCORES for metric in known)
    ranking = ranking_figures(predictions) if ranked and predictions is not None else {}
    for metric in known:
        name = metric.name
        if metric.source is Source.COUNTS and metric.is_averaged:
            micro = float(getattr(counts.pooled(), name)[0])
            scalars |= _averages(name, getattr(counts, name), micro, counts, per_class)
        elif metric.is_summed:
            per_class[name] = getattr(counts, name).astype(np.float64)
            scalars[name] = float(per_class[name].sum())
        elif metric.source is Source.COUNTS:
            scalars[name] = getattr(counts, name)
        elif metric.source is Source.HITS and counted.top_k is not None:
            scalars[name] = counted.top_k / int(counts.support.sum())
        elif name in ranking:
            scalars |= _averages(name, *ranking[name], counts, per_class)
        elif predictions is not None:  # the training counts those of batches itself
            figure = getattr(probabilities, name)
            scalars[name] = figure(predictions.labels, predictions.probabilities)
    return {**scalars, **counted.scalars}, counts, {**per_class, **counted.per_class}


def _averages(
    name: str, values: Floats, micro: float, counts: ClassCounts, per_class: dict[str, Floats]
) -> dict[str, float]:
    """The averages of a metric of every class by their names; the values go into `per_class`."""
    per_class[name] = values
    means = averages(values, counts.support, micro)
    return {f"{name}_{kind}": mean for kind, mean in means.items()}
