"""Rows that were predicted wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Ints
    from mtrain.records.training import Predictions


def confident_mistakes(predictions: Predictions) -> Ints:
    """Positions of the mistakes, the most probable wrong class first; of equal ones the first row."""
    wrong = np.flatnonzero(predictions.labels != predictions.predicted)
    probable = predictions.probabilities[wrong, predictions.predicted[wrong]]
    order: Ints = wrong[np.argsort(-probable, kind="stable")]
    return order
