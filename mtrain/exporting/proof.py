"""Whether an exported model predicts as the run does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError
from mtrain.records.export import TIE, Proof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mtrain.records.training import Predictions


MOST_DIFFERENCE = 1e-4
"""Of a probability. Other orders of the same sums differ by some 1e-6."""


def prove(
    ours: Predictions,
    labels: NDArray[Any],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    threshold: float | None,
    *,
    split: str,
    runtime: str,
) -> Proof:
    """Compare the run's predictions with the exported model's, `labels` (N,), of the same rows."""
    difference = np.abs(probabilities.astype(np.float64) - ours.probabilities)
    places = {name: k for k, name in enumerate(classes)}
    theirs = np.array([places.get(str(label), -1) for label in labels])
    rows = np.flatnonzero(theirs != ours.predicted)
    own = ours.probabilities[rows].astype(np.float64)
    if threshold is None:
        first, second = (
            own[np.arange(len(rows)), ours.predicted[rows]],
            own[range(len(rows)), theirs[rows]],
        )
        is_tie = np.abs(first - second) <= TIE
    else:
        is_tie = np.abs(own[:, 1] - np.float32(threshold)) <= TIE
    is_tie &= theirs[rows] >= 0
    ties = int(np.count_nonzero(is_tie))
    largest = float(difference.max()) if np.isfinite(difference).all() else float("nan")
    return Proof(split, len(labels), runtime, largest, len(rows) - ties, ties)


def check_proof(proof: Proof, where: str, rounded: Sequence[str] = ()) -> None:
    """Raise `MtrainError` for a model that predicts otherwise than its run.

    `rounded` are columns whose numbers are rounded, as they are inputs of float32.
    """
    if proof.changed or not proof.largest_difference <= MOST_DIFFERENCE:
        rough = f"; as float32, these numbers are rounded: {', '.join(rounded)}" if rounded else ""
        raise MtrainError(
            f"not exported: {proof.runtime} predicts another class for {proof.changed:,} of "
            f"{proof.rows:,} {proof.split} rows, and probabilities differ by up to "
            f"{proof.largest_difference:.3g}, at most {MOST_DIFFERENCE:g} is allowed{rough}",
            where=where,
        )
