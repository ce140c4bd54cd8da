"""Rows whose label is likely wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.training import Predictions


def looks_like(labels: NDArray[np.int32], scores: Floats | NDArray[np.float32]) -> Ints:
    """The most probable class (M,) other than the label (M,), by probabilities (M, K)."""
    others = scores.copy()
    others[np.arange(len(labels)), labels] = -1
    like: Ints = others.argmax(axis=1)
    return like


def suspects(predictions: Predictions) -> tuple[Ints, Ints]:
    """Positions of the suspects, most suspicious first, and the class that each looks like.

    By confident learning (Northcutt, Jiang and Chuang 2021), of rows that the network has not learned
    from: a row looks like the most probable of the classes whose probability reaches the mean one that
    rows with this class as their label have for it. It is a suspect if that class is more probable than
    its label, and its label is not the most probable class, whatever threshold predicts. First come
    those whose label is least probable; of equal ones the first row.
    """
    labels, scores = predictions.labels, predictions.probabilities
    of_label = scores[np.arange(len(labels)), labels]
    thresholds = ratio(
        np.bincount(labels, of_label, scores.shape[1]),
        np.bincount(labels, minlength=scores.shape[1]),
    )
    wrong = np.flatnonzero(scores.argmax(axis=1) != labels)
    reached = np.where(
        scores[wrong] >= thresholds, scores[wrong], -1
    )  # NaN of a class without rows
    like = reached.argmax(axis=1)
    is_suspect = reached.max(axis=1, initial=-1) > of_label[wrong]
    rows, like = wrong[is_suspect], like[is_suspect]
    order = np.argsort(of_label[rows], kind="stable")
    return rows[order], like[order]
