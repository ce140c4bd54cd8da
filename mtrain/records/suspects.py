"""How many of the labels that were flipped on purpose the lists of suspects name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Listed = Literal["train", "test"]
"""The splits of which `fit` lists suspects."""


@dataclass(frozen=True)
class FoundFlips:
    """Of a split, the flipped labels among the suspects named."""

    split: Listed
    rows: int
    flipped: int
    """Rows whose label was flipped."""

    share: float
    """`flipped` / `rows`: of few rows another share than was asked for."""

    unseen: int
    """Those of them that the training never learned from, so that they cannot be named."""

    named: int
    """Suspects."""

    found: int
    """Those of them whose label was flipped."""

    precision: float | None
    """`found` / `named`; None: nothing was named."""

    precision_ci: tuple[float, float] | None
    """95 % Wilson interval; None as above."""

    recall: float
    """`found` / `flipped`."""

    recall_ci: tuple[float, float]
    """95 % Wilson interval."""

    half_right: int
    """The largest n for which at least half of the first n named were flipped."""


@dataclass(frozen=True)
class SuspectTrial:
    """What the lists of suspects say of data of which a share of the labels was flipped."""

    share: float
    """The share of the labels of every split that was to be flipped, in (0, 0.5)."""

    lists: tuple[FoundFlips, ...]
    """Of training, and of the evaluation on test."""

    problem: str | None
    """What shows that the network has learned nothing, so that precision and recall mean nothing; None: nothing
    does."""
