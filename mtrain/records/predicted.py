"""Predictions of rows without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of rows without labels."""

    classes: tuple[str, ...]
    rows: NDArray[np.int64]
    """Position of each row in the input, counted from 0; shape (N,)."""

    predicted: NDArray[np.str_]
    """The class of each row, shape (N,)."""

    probabilities: NDArray[np.float32]
    """Shape (N, K), the classes in the order of `classes`."""

    sets: NDArray[np.bool_] | None
    """Which classes are in the prediction set of each row, shape (N, K); None: none were asked for."""

    files: NDArray[np.str_] | None
    """The file of each row, for images; shape (N,)."""

    notes: tuple[str, ...]
    """Notes on the rows."""

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<mtrain.Predicted {len(self):,} rows, {len(self.classes):,} classes>"
