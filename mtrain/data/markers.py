"""Numbers that stand for a missing value, such as -999."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtrain.data.table import Values

NINES = [sign * (10.0**digits - 1) for digits in range(2, 9) for sign in (-1, 1)]
"""99, -99, 999, ...: what is written where nothing was measured."""

FEWEST = 2
"""Rows that have it: a single one may be a value."""


def marker_notes(columns: Mapping[str, Values]) -> Iterator[Note]:
    """A note for each column of numbers with a marker that lies far from all its other values."""
    for name, column in columns.items():
        if column.kind == "number" and (found := _marker(column)) is not None:
            marker, rows = found
            text = (
                f"column {name!r}: {marker:.0f} in {rows:,} rows is far from all other values; if it "
                f"stands for a missing value: dataset.missing_values: [{marker:.0f}]"
            )
            yield Note("missing-marker", text)


def _marker(column: Values) -> tuple[float, int] | None:
    """The marker, and in how many rows it stands; None: there is none."""
    values = column.values[~column.missing]
    if not len(values):
        return None
    for end in {values.min(), values.max()}.intersection(NINES):
        is_marker = values == end
        rest, rows = values[~is_marker], int(np.count_nonzero(is_marker))
        if rows >= FEWEST and len(rest) and 0 < np.ptp(rest) < np.abs(rest - end).min():
            return float(end), rows
    return None
