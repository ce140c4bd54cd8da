"""Whether rows predicted with some probability are right that often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.probabilities import log_loss
from mtrain.metrics.selective import certainty
from mtrain.metrics.temperature import probabilities_at
from mtrain.records.report import CalibrationReport, ReliabilityBin
from mtrain.statistics.binomial import clopper_pearson
from mtrain.statistics.calibration import calibration

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats
    from mtrain.records.training import Predictions
    from mtrain.statistics.calibration import Calibration


def reliability(predictions: Predictions, of_class: int | None = None) -> Calibration | None:
    """Bins by the probability of the predicted class: of all rows, or of those predicted as `of_class`.

    None without rows.
    """
    rows, confidence, is_right = certainty(predictions, of_class)
    if not len(rows):
        return None
    groups = predictions.groups
    return calibration(confidence, is_right, None if groups is None else groups[rows])


def calibration_errors(predictions: Predictions, n_classes: int) -> Floats:
    """Of the rows predicted as each class, shape (K,); NaN where there are none."""
    bins = (reliability(predictions, k) for k in range(n_classes))
    return np.array([np.nan if one is None else one.error for one in bins])


def calibration_report(
    predictions: Predictions, temperature: float | None
) -> CalibrationReport | None:
    """The calibration of all rows; `temperature` divided their outputs, None: nothing did."""
    if (bins := reliability(predictions)) is None:
        return None
    rows = np.rint(bins.weights * len(predictions.labels)).astype(int)
    parts = zip(
        rows.tolist(),
        bins.confidence.tolist(),
        (bins.right / bins.rows).tolist(),
        clopper_pearson(bins.right, bins.rows).tolist(),
        strict=True,
    )
    return CalibrationReport(
        error=bins.error,
        error_ci=bins.interval(),
        probability=float(bins.confidence @ bins.weights),
        bins=tuple(ReliabilityBin(n, p, right, (low, high)) for n, p, right, (low, high) in parts),
        temperature=temperature,
        log_loss_without=None
        if temperature is None
        else _log_loss_without(predictions, temperature),
    )


def _log_loss_without(predictions: Predictions, temperature: float) -> float:
    probabilities = probabilities_at(1 / temperature, predictions.probabilities)
    return log_loss(predictions.labels, probabilities)
