"""The mean of arrays that need not be in memory together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def mean_of(arrays: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The mean of one or more arrays of one shape: added up in float64, in their order, and rounded once."""
    total, n = np.zeros((), np.float64), 0
    for array in arrays:
        total, n = total + array.astype(np.float64), n + 1
    return (total / n).astype(np.float32)
