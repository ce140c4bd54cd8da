"""Rows whose label is likely wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.training import Predictions


def lowest_margins(margins: NDArray[np.float32]) -> Ints:
    """Positions of the training rows whose mean margin (N,) is negative, the lowest first.

    On average over the training another class was more probable than their label: what is never learned,
    or late, has often a wrong one (Pleiss et al. 2020). NaN is not negative.
    """
    rows = np.flatnonzero(margins < 0)
    order: Ints = rows[np.argsort(margins[rows], kind="stable")]
    return order


def looks_like(labels: NDArray[np.int32], scores: Floats | NDArray[np.float32]) -> Ints:
    """The most probable class (M,) other than the label (M,), by probabilities (M, K)."""
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -1
    like: Ints = others.argmax(axis=1)
    return like


def suspects(predictions: Predictions) -> tuple[Ints, Ints]:
    """Positions of the suspects, most suspicious first, and the class that each looks like.

    By confident learning (Northcutt, Jiang and Chuang 2021), of rows that the network has not learned
    from: a row looks like the most probable of the classes whose probability is at least the mean one
    that rows of this label have for it. It is a suspect if that is another class than its label, which
    is not predicted either. First come those whose label is least probable; of equal ones the first row.
    """
    labels, scores = predictions.labels, predictions.probabilities
    thresholds = np.full(scores.shape[1], np.inf)
    for k in np.unique(labels):
        thresholds[k] = scores[labels == k, k].mean(dtype=np.float64)
    reached = np.where(scores >= thresholds, scores, -1)
    like = reached.argmax(axis=1)
    is_suspect = (reached.max(axis=1) >= 0) & (like != labels) & (predictions.predicted != labels)
    rows = np.flatnonzero(is_suspect)
    order: Ints = rows[np.argsort(scores[rows, labels[rows]], kind="stable")]
    return order, like[order]
