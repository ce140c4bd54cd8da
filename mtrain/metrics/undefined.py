"""Undefined values: NaN in arrays, None in records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats


def number(value: float) -> float | None:
    """The value for a record."""
    return None if math.isnan(value) else float(value)


def interval(bounds: Floats) -> tuple[float, float] | None:
    """Low and high, shape (2,), for a record."""
    low, high = bounds.tolist()
    return None if math.isnan(low) or math.isnan(high) else (low, high)
