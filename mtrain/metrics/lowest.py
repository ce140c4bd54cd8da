"""Which of many classes are shown: those of the lowest figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.arrays import Floats

MOST_CLASSES = 100
"""Of more, tables and bars show only the worst."""


def lowest(values: Floats, most: int) -> list[int]:
    """Of classes those with the lowest values, shape (K,), at most so many, in class order.

    Undefined values (NaN) come last: nothing is known of these classes.
    """
    order = np.argsort(values, kind="stable")  # which puts NaN last
    return sorted(order[:most].tolist())


def lowest_f1(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """An evaluation's `classes`; of more than `MOST_CLASSES` those of the lowest defined F1."""
    if len(entries) <= MOST_CLASSES:
        return list(entries)
    values = np.array([entry["f1-score"] for entry in entries], np.float64)
    return [entries[k] for k in lowest(values, MOST_CLASSES) if not np.isnan(values[k])]
