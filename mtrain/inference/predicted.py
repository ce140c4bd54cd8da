"""Predictions of rows whose probabilities are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.records.training import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.dataset import Split


def most_probable(rows: Split, probabilities: NDArray[np.float32]) -> Predictions:
    """Of each row the most probable class, by probabilities (N, K); the loss is NaN."""
    return Predictions(
        labels=rows.labels.astype(np.int64),
        predicted=probabilities.argmax(axis=1),
        probabilities=probabilities,
        loss=float("nan"),
        weights=rows.weights,
    )
