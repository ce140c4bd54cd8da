"""The confusion matrix as cells to read, and what is confused most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.report import Report
    from mtrain.report.page.content import Mistake, Mistakes

MOST_CLASSES = 30
"""Classes whose matrix is shown; of more, the confused pairs alone."""

MOST_PAIRS = 200
MOST_EXAMPLES = 5
"""Rows named of each pair."""

SHADES = 10


@dataclass(frozen=True)
class Cell:
    """Rows of a true class that are predicted as one class."""

    n: int
    share: float | None
    """Of the rows of the true class, in [0, 1]; None: it has no rows."""

    shade: int
    """From 0, few, to `SHADES` - 1, all."""

    pair: str | None
    """The id of the pair's line; None: it has none."""


@dataclass(frozen=True)
class Pair:
    """A class that is taken for another."""

    id: str
    true: str
    predicted: str
    n: int
    share: float
    """Of the rows of the true class, in [0, 1]."""

    examples: tuple[Mistake, ...]
    """Some of the rows, the most confident first."""


def confused_pairs(report: Report, mistakes: Mistakes | None) -> list[Pair]:
    """The pairs of different classes with the most rows; at most `MOST_PAIRS`."""
    confusion = report.confusion_matrix
    true, predicted = np.nonzero(confusion)
    true, predicted = true[true != predicted], predicted[true != predicted]
    n = confusion[true, predicted]
    supports = confusion.sum(axis=1)
    names = [one.name for one in report.classes]
    most = np.argsort(-n, kind="stable")[:MOST_PAIRS]
    return [
        Pair(
            f"pair-{i}-{j}",
            names[i],
            names[j],
            int(confusion[i, j]),
            float(confusion[i, j] / supports[i]),
            () if mistakes is None else tuple(_examples(mistakes, i, j)),
        )
        for i, j in zip(true[most], predicted[most], strict=True)
    ]


def _examples(mistakes: Mistakes, true: int, predicted: int) -> list[Mistake]:
    order, predictions = mistakes.order, mistakes.predictions
    is_pair = (predictions.labels[order] == true) & (predictions.predicted[order] == predicted)
    return [mistakes.at(position) for position in order[is_pair][:MOST_EXAMPLES]]


def matrix(report: Report, pairs: Sequence[Pair]) -> list[list[Cell]] | None:
    """A line of cells for each true class; None for more classes than `MOST_CLASSES`."""
    confusion = report.confusion_matrix
    if len(confusion) > MOST_CLASSES:
        return None
    shares = ratio(confusion, confusion.sum(axis=1, keepdims=True))
    known = {pair.id for pair in pairs}

    def cell(i: int, j: int) -> Cell:
        share = None if np.isnan(shares[i, j]) else float(shares[i, j])
        shade = min(SHADES - 1, int(SHADES * (share or 0)))
        name = f"pair-{i}-{j}"
        return Cell(int(confusion[i, j]), share, shade, name if name in known else None)

    return [[cell(i, j) for j in range(len(confusion))] for i in range(len(confusion))]
