"""Simpler models on the same rows as a network; None is an undefined number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mtrain.records.arrays import Probabilities
from mtrain.records.figure_comparison import FigureComparison

RivalName = Literal["logistic", "boosting"]

RIVALS: dict[RivalName, str] = {
    "logistic": "logistic regression",
    "boosting": "gradient boosting",
}
"""Each in words: scikit-learn's `LogisticRegression` and `HistGradientBoostingClassifier`."""


@dataclass(frozen=True, eq=False)
class TrainedRival:
    """What a rival predicts, trained on the training rows."""

    name: RivalName
    seconds: float
    """That its training took, and its predictions."""

    probabilities: Mapping[str, Probabilities] = field(default_factory=dict)
    """Of the rows of each other split, (N, K)."""

    notes: tuple[str, ...] = ()
    """Warnings of scikit-learn."""

    problem: str | None = None
    """Why there are no probabilities; None: there are."""

    was_cut: bool = False
    """Whether it would have probabilities, had its process not ended before."""

    threshold: float | None = None
    """With two classes and a threshold other than 0.5: the probability above which it predicts the second."""


@dataclass(frozen=True)
class RivalClass:
    """How well a rival separates a class from all others; each in [0, 1]."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Rival:
    """A rival beside the network on the same rows: in its comparisons the network is the first."""

    name: RivalName
    problem: str | None = None
    """Why it has no figures; None: it has them."""

    accuracy: FigureComparison | None = None
    recall_macro: FigureComparison | None = None
    """P-values of both are adjusted by Holm for both and for all rivals."""

    f1_macro: float | None = None
    log_loss: float | None = None
    threshold: float | None = None
    """With two classes and a threshold other than 0.5: the probability above which it predicts the second."""

    classes: tuple[RivalClass, ...] = ()
    notes: tuple[str, ...] = ()
    """Warnings of scikit-learn."""

    @property
    def title(self) -> str:
        """What it is, in words."""
        return RIVALS[self.name]


@dataclass(frozen=True)
class RivalTrial:
    """Rivals before any training: in their comparisons the first is the baseline."""

    rows: int
    """Of the test."""

    baseline_class: str
    """The most frequent class of these rows, which the baseline always predicts."""

    rivals: tuple[Rival, ...]
