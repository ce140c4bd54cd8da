"""How far two runs of one experiment may be apart by their seeds alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats

LEAST_RUNS = 3
"""Of fewer runs a standard deviation says too little."""


def deviation(values: Floats) -> float:
    """The standard deviation between runs of a figure, shape (N,), with N - 1 degrees of freedom.

    NaN for a figure that is undefined in a run, and for fewer than three runs.
    """
    return float(np.std(values, ddof=1)) if len(values) >= LEAST_RUNS else math.nan


def difference_limit(values: Floats, together: int = 1) -> float:
    """How far the figures of two more runs may be apart, given those of N others, shape (N,).

    t(0.975, N - 1) s sqrt(2), with the standard deviation s of the N figures: the difference of two
    independent runs has the variance 2 sigma^2, and s, which is independent of it, N - 1 degrees of
    freedom. With sigma known it is the repeatability limit 1.96 sqrt(2) sigma of ISO 5725-6:1994,
    4.1; Student's t replaces 1.96 as sigma is estimated.

    Of `together` figures that are judged together, each takes its share of the 5 % by Bonferroni:
    t(1 - 0.025 / together, N - 1). NaN for a figure that is undefined in a run, for fewer than three
    runs, and for runs that are all equal, which say nothing of their spread.
    """
    from scipy.special import stdtrit

    s = deviation(values)
    if math.isnan(s) or (values == values[0]).all():
        return math.nan
    return float(stdtrit(len(values) - 1, 1 - 0.025 / together)) * s * math.sqrt(2)
