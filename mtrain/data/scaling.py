"""Pixels to the numbers a model is fed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError
from mtrain.records import Arrays, Split

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fit_standard(features: NDArray[Any]) -> Arrays:
    """Mean and standard deviation of each feature, shape (D,), float32.

    A constant feature has 1 as its deviation, as in scikit-learn's StandardScaler: it becomes 0.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    deviation[deviation == 0] = 1.0
    return {"mean": mean.astype(np.float32), "deviation": deviation.astype(np.float32)}


def standardize(split: Split, scaler: Arrays) -> Split:
    """Every feature with the mean and deviation of `scaler` taken out, float32.

    Raises `MtrainError` for a scaler that is none, or of another number of features.
    """
    if not {"mean", "deviation"} <= scaler.keys():
        raise MtrainError("what scaling learned from the training split is missing")
    if (wanted := len(scaler["mean"])) != split.features.shape[1]:
        raise MtrainError(
            f"rows of {split.features.shape[1]} values; the scaling was learned from {wanted}"
        )
    features = split.features.astype(np.float32)
    features -= scaler["mean"]
    features /= scaler["deviation"]
    return Split(features, split.labels, split.rows)
