"""Numbers and names as they are shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records import Floats

SPLITS = {"train": "training", "val": "validation", "test": "test"}
"""The splits in words."""

MOST_CLASSES = 100
"""Of more, tables and bars show only the worst."""


def shortened(name: str) -> str:
    """At most 60 characters of a name."""
    return name if len(name) <= 60 else f"{name[:57]}..."


def share(value: float | None) -> str:
    """A number in [0, 1] with three decimals; a dash where it is undefined."""
    # The z turns a -0.000 into 0.000.
    return "-" if value is None or math.isnan(value) else f"{value:z.3f}"


def change(value: float) -> str:
    """A difference of two shares with its sign and three decimals; a dash where it is undefined."""
    return "-" if math.isnan(value) else f"{value:+z.3f}"


def figure(value: float | None) -> str:
    """Any number with four significant digits; a dash where it is undefined."""
    return "-" if value is None or math.isnan(value) else f"{value:z.4g}"


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


def duration(seconds: float) -> str:
    """`0.35 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
