"""A temperature: the number by which a network's outputs are divided before the softmax or sigmoid.

Above 1 it makes all probabilities less certain, below 1 more; the most probable class stays the same. Guo,
Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.training import Predictions

FEWEST_ROWS = 20
"""With fewer no temperature is chosen: each half of them has to choose one, too."""

LARGEST = 100.0
"""A temperature is at most this, and at least its inverse."""

VALUES_AT_ONCE = 1 << 18
"""Probabilities of which one piece is made."""

LEAST = (2.0**-25, float(np.finfo(np.float32).tiny))
"""What stands for a probability of 0, first of two classes and second: the first's is 1 - p of the
second's, and the float32 p ends at 1 - 2**-24."""


def choose_temperature(predictions: Predictions) -> float:
    """The temperature of the lowest log loss, if one also lowers it on rows that did not choose it; else 1.

    For the second, each half of the rows is judged at the temperature of the other. Weights and groups of
    rows are ignored: one number is chosen of all.
    """
    labels, logits = predictions.labels, _logits(predictions.probabilities)
    if len(labels) < FEWEST_ROWS or (temperature := _best(labels, logits)) == 1:
        return 1.0
    is_first = np.random.default_rng(0).permutation(len(labels)) % 2 == 0
    fallen = 0.0
    for judged in (is_first, ~is_first):
        of_others = _best(labels[~judged], logits[~judged])
        rows = labels[judged], logits[judged]
        fallen += _loss(*rows, 1.0) - _loss(*rows, 1 / of_others)
    return temperature if fallen > 0 else 1.0


def probabilities_at(temperature: float, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probabilities (N, K) that come of dividing the outputs behind these by a temperature."""
    from scipy.special import softmax

    divided: Floats = softmax(_logits(probabilities) / temperature, axis=1)
    return divided.astype(np.float32)


def _logits(probabilities: NDArray[np.float32]) -> Floats:
    """Outputs before the softmax, up to a number the same for all classes of a row; of shape (N, K)."""
    least = LEAST if probabilities.shape[1] == 2 else LEAST[1]
    logits: Floats = np.log(np.maximum(probabilities.astype(np.float64), least))
    return logits


def _best(labels: Ints, logits: Floats) -> float:
    """The temperature of the lowest log loss; 1 if the loss falls to the end of those allowed."""
    from scipy.optimize import brentq
    from scipy.special import softmax

    rows = max(1, VALUES_AT_ONCE // logits.shape[1])

    def slope(log_inverse: float) -> float:
        """Of the log loss, over the inverse temperature, in which it is convex."""
        total = 0.0
        for start in range(0, len(labels), rows):
            some = logits[start : start + rows]
            weights = softmax(np.exp(log_inverse) * some, axis=1)
            true = some[np.arange(len(some)), labels[start : start + rows]]
            total += float(((weights * some).sum(axis=1) - true).sum())
        return total / len(labels)

    end = np.log(LARGEST)
    if slope(-end) >= 0 or slope(end) <= 0:
        return 1.0
    return float(np.exp(-brentq(slope, -end, end, xtol=1e-6)))


def _loss(labels: Ints, logits: Floats, inverse: float) -> float:
    """The sum of the log losses of the rows."""
    from scipy.special import logsumexp

    scaled = inverse * logits
    true = scaled[np.arange(len(labels)), labels]
    return float((logsumexp(scaled, axis=1) - true).sum())
