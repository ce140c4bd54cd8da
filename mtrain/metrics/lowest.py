"""Which of many classes are shown: those with the lowest values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mtrain.records.arrays import Floats


def lowest(values: Floats, most: int) -> list[int]:
    """At most so many classes with the lowest values, shape (K,), in class order.

    Undefined values (NaN) come last: nothing is known of these classes.
    """
    order = np.argsort(values, kind="stable")  # which puts NaN last
    return sorted(order[:most].tolist())
