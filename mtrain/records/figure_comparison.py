"""A figure of two classifiers on the same rows, compared; None is an undefined number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FigureFinding = Literal["better", "worse", "no worse", "not shown"]


@dataclass(frozen=True)
class FigureComparison:
    """A figure of two runs."""

    first: float | None
    second: float | None
    difference: float | None
    """Second - first."""

    ci: tuple[float, float] | None
    """95 % interval of the difference."""

    p: float | None
    """The two-sided p-value of no difference."""

    p_adjusted: float | None
    """The same, adjusted by Holm for all that is tested with it."""

    finding: FigureFinding
    """Of the second run: *better* or *worse* at 5 %, adjusted; else *no worse* if it is shown to be
    less than the margin below; else *not shown*."""
