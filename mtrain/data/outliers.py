"""Numbers so far from all others of their column that scaling makes these nearly equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.markers import is_marker
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.data.source import Rows
    from mtrain.records.arrays import Floats

FEWEST_ROWS = 20

TAILS = 0.01
"""Share of the values at each end of a column that may be outliers; at least one value."""

DOMINATED = 20.0
"""Largest ratio of the standard deviation of all values to the one without the tails."""


def outlier_notes(rows: Rows) -> Iterator[Note]:
    """A note for each column of numbers in a table whose deviation comes from a few values."""
    columns = getattr(rows.features, "columns", {})
    for name, column in columns.items():
        if column.kind == "number" and (outlier := _outlier(column.values)) is not None:
            position, (low, high) = outlier
            value = column.values[position]
            if is_marker(value) and np.count_nonzero(column.values == value) > 1:
                continue  # another note asks whether it stands for a missing value
            at = "" if rows.place is None else f" ({rows.place(int(rows.rows[position]))})"
            text = (
                f"column {name!r}: {value:.10g}{at} is far from the other values, {low:.6g} to "
                f"{high:.6g}; scaled, these are nearly equal: is it a mistake?"
            )
            yield Note("outlier", text)


def _outlier(values: Floats) -> tuple[int, tuple[float, float]] | None:
    """The position of the farthest value, and the range of the others; None: no outlier."""
    known = values[~np.isnan(values)]
    if len(known) < FEWEST_ROWS:
        return None
    tail = max(1, int(TAILS * len(known)))
    share, all_spread = 2 * tail / len(known), known.std()
    # Nearly no column needs sorting: for the tails to give all but 1 / DOMINATED**2 of the variance,
    # the farthest of their values must lie beyond this bound.
    farthest_squared = max(known.max() - known.mean(), known.mean() - known.min()) ** 2
    if farthest_squared < 0.99 * (1 - share) / share * all_spread**2:
        return None
    known.sort()
    others = known[tail:-tail]
    spread = others.std()
    if not 0 < spread * DOMINATED < all_spread:
        return None
    middle = others[len(others) // 2]
    farthest = max(known[0], known[-1], key=lambda value: abs(value - middle))
    near = known[np.abs(known - middle) <= DOMINATED * (others[-1] - others[0])]
    return int(np.flatnonzero(values == farthest)[0]), (float(near[0]), float(near[-1]))
