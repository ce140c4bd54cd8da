"""Hashes of 64 bits by which equal rows are found: the rows themselves would be in memory twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.table import comparable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mtrain.data.table import Table

ROWS_NEAR = 1 << 12
"""Rows that are hashed at once."""

MULTIPLIER, SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
"""An odd number near the golden ratio of 2**64, whose products spread, and half of its bits."""


def row_hashes(features: NDArray[Any]) -> NDArray[np.uint64]:
    """Of the bytes of each row, shape (N,); `features` have shape (N, ...)."""
    rows = np.ascontiguousarray(features).reshape(len(features), -1).view(np.uint8)
    width = next(n for n in (8, 4, 2, 1) if rows.shape[1] % n == 0)
    words = rows.view(f"u{width}")
    hashes = np.zeros(len(words), np.uint64)
    for start in range(0, len(words), ROWS_NEAR):
        part = slice(start, start + ROWS_NEAR)
        _add(hashes[part], words[part].T)
    return hashes


def table_hashes(table: Table) -> NDArray[np.uint64]:
    """Of the values of each row, shape (N,): equal for equal rows of any table."""
    hashes = np.zeros(len(table), np.uint64)
    _add(hashes, (comparable(column).view(np.uint64) for column in table.columns.values()))
    return hashes


def _add(hashes: NDArray[np.uint64], columns: Iterable[NDArray[Any]]) -> None:
    """Change each hash by the unsigned numbers of its row, one after the other."""
    for column in columns:
        # Each step maps different hashes to different ones.
        hashes ^= column
        hashes *= MULTIPLIER
        hashes ^= hashes >> SHIFT
