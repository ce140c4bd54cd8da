"""Figures of probabilities: how far they are from the truth.

From labels (N,) and probabilities (N, K), in float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.metrics.scores import Scores
    from mtrain.records.arrays import Floats, Ints

EPSILON = float(np.finfo(np.float32).eps)

KERAS_EPSILON = 1e-7
"""Keras' fuzz factor."""


def log_loss(labels: Ints, probabilities: Scores, weights: Floats | None = None) -> float:
    """Mean of -log(probability of the true class), natural logarithm, at least 0.

    In float64; probabilities are clipped to [eps, 1 - eps], eps float32's, as scikit-learn does, so a
    row costs at most 15.9. The loss of a training has no such limit, and is higher where a model is
    sure and wrong.
    NaN if all `weights`, (N,), are 0.
    """
    if weights is not None and not weights.any():
        return float("nan")
    # The true class's alone as float64: all of them would take twice the memory of predictions.
    true = np.take_along_axis(probabilities, labels[:, None], axis=1).astype(np.float64)
    losses = -np.log(np.clip(true, EPSILON, 1 - EPSILON))[:, 0]
    return float(losses.mean() if weights is None else np.average(losses, weights=weights))


def brier(labels: Ints, probabilities: Scores) -> float:
    """Mean squared distance of probabilities and one-hot labels, in [0, 2]; of two classes half.

    Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78
    (1950); halved for two classes as scikit-learn does, which is in [0, 1].
    """
    n_classes = probabilities.shape[1]
    return mean_squared_error(labels, probabilities) * (1 if n_classes == 2 else n_classes)


def mean_squared_error(labels: Ints, probabilities: Scores) -> float:
    """Mean squared difference of probabilities and one-hot labels, over rows and classes, in [0, 1].

    As Keras has it.
    """
    return float(np.mean((probabilities - _one_hot(labels, probabilities)) ** 2))


def kl_divergence(labels: Ints, probabilities: Scores) -> float:
    """Mean Kullback-Leibler divergence of probabilities from one-hot labels, natural logarithm.

    As Keras has it: both clipped to [1e-7, 1].
    """
    truths = np.clip(_one_hot(labels, probabilities), KERAS_EPSILON, 1)
    guesses = np.clip(probabilities.astype(np.float64), KERAS_EPSILON, 1)
    return float((truths * np.log(truths / guesses)).sum(axis=1).mean())


def cosine_similarity(labels: Ints, probabilities: Scores) -> float:
    """Mean cosine of the angle between probabilities and one-hot labels, in [0, 1]."""
    guesses = probabilities.astype(np.float64)
    true = np.take_along_axis(guesses, labels[:, None], axis=1)[:, 0]
    return float((true / np.linalg.norm(guesses, axis=1)).mean())


def keras_precision(labels: Ints, probabilities: Scores) -> float:
    """Keras' `Precision()`: of all outputs above 0.5 the share that is right; NaN without any.

    With two classes only the second has an output, as in Keras. In [0, 1].
    """
    hits, called, _ = _above_half(labels, probabilities)
    return hits / called if called else float("nan")


def keras_recall(labels: Ints, probabilities: Scores) -> float:
    """Keras' `Recall()`: of all rows the share whose true class is above 0.5; NaN without any.

    With two classes only rows of the second count. In [0, 1].
    """
    hits, _, true = _above_half(labels, probabilities)
    return hits / true if true else float("nan")


def _above_half(labels: Ints, probabilities: Scores) -> tuple[int, int, int]:
    """True outputs above 0.5, all outputs above 0.5, all true outputs."""
    truths = _one_hot(labels, probabilities) > 0
    called = probabilities > 0.5
    if probabilities.shape[1] == 2:
        truths, called = truths[:, 1], called[:, 1]
    counts = (truths & called, called, truths)
    hits, above, true = (int(np.count_nonzero(mask)) for mask in counts)
    return hits, above, true


def _one_hot(labels: Ints, probabilities: Scores) -> Floats:
    one_hot: Floats = (labels[:, None] == np.arange(probabilities.shape[1])).astype(np.float64)
    return one_hot
