"""Rows whose label is likely wrong, and how many of flipped labels are among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import ratio
from mtrain.records.suspects import FoundFlips
from mtrain.statistics.binomial import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.suspects import Listed
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


def found_flips(
    split: Listed,
    is_flipped: NDArray[np.bool_],
    *,
    rows: int,
    flipped: int,
    unseen: int,
) -> FoundFlips:
    """Precision and recall of a list of M suspects, the most suspicious first.

    `is_flipped`, of shape (M,), says which of them were flipped. The split has so many `rows`; of these
    at least one is `flipped`, and so many flipped ones are `unseen`. The ratios are those of Manning,
    Raghavan and Schütze, "Introduction to Information Retrieval" (2008), 8.3.
    """
    named, found = len(is_flipped), int(is_flipped.sum())
    enough = 2 * np.cumsum(is_flipped) >= np.arange(1, named + 1)
    of_named, of_flipped = wilson(found, named).tolist(), wilson(found, flipped).tolist()
    return FoundFlips(
        split=split,
        rows=rows,
        flipped=flipped,
        share=flipped / rows,
        unseen=unseen,
        named=named,
        found=found,
        precision=found / named if named else None,
        precision_ci=tuple(of_named) if named else None,
        recall=found / flipped,
        recall_ci=tuple(of_flipped),
        half_right=int(np.flatnonzero(enough).max(initial=-1)) + 1,
    )
