"""Several tests at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats

LEVEL = 0.05
"""The share of repetitions in which a decision may be wrong."""


def holm(p: Floats) -> Floats:
    """P-values adjusted for all tests of a family, shape (M,), under any dependence.

    Sture Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6 (1979). NaN, a test that was not made, stays NaN and is not counted.
    """
    adjusted = np.full(np.shape(p), np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
