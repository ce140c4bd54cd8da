"""Types of arrays, by their content."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Counts = Ints | Floats
"""Numbers of rows, or sums of their weights if rows have weights."""
Arrays = dict[str, NDArray[Any]]
Shapes = dict[str, tuple[str, tuple[int, ...]]]
"""Of arrays by name: the name of the type, and the shape."""
Probabilities = NDArray[np.float32]
