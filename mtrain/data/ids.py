"""Columns that identify rows and are nothing to learn from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.table import LARGEST_EXACT

if TYPE_CHECKING:
    from collections.abc import Collection

    from mtrain.data.table import Values
    from mtrain.records.arrays import Floats

FEWEST_IDS = 20
"""Number of rows from which whole numbers that all differ, in any order, are ids; fewer often
differ by chance."""

NAMES = re.compile(r"(?i:(.*[\W_])?(id|ids|idx|index|key|nr|uuid|guid))|.*[a-z](Id|ID)")
"""Names of ids; `paid` is not one."""


def why_id(name: str, column: Values, index: Collection[str]) -> tuple[str, bool] | None:
    """Why a column seems to be an id, and whether that is certain; None: it does not.

    `index` names columns that are the index of a pandas table. Whole numbers that all differ, but lie
    so far apart that measured ones would hardly meet either, are certain by name alone.
    """
    if name in index:
        return "is the index of the pandas table", True
    if column.kind != "number":
        return None
    if name.startswith("Unnamed: "):
        return "has the name that pandas gives an index", True
    if (column.values[:FEWEST_IDS] % 1 > 0).any():
        return None  # most columns end here
    values = column.values[~column.missing]
    if len(values) < 3 or 2 * len(values) < len(column.values):
        return None
    if (values % 1 != 0).any() or np.abs(values).max() >= 2**64:
        return None  # one that was measured
    if (how := _how_they_differ(values)) is None:
        return None
    if NAMES.fullmatch(name) or _are_dense(values):
        return how, True
    return f"may be an id: {how.removeprefix('is an id: ')}", False


def _how_they_differ(values: Floats) -> str | None:
    """How whole numbers identify each row; None: they do not."""
    steps = np.diff(values)
    if (steps == 1).all():
        return "counts the rows"
    if (steps > 0).all() or (steps < 0).all():
        order = "larger" if steps[0] > 0 else "smaller"
        return f"numbers the rows: whole numbers, each {order} than the one before"
    # Beyond 2^53 a float64 takes some neighbours for the same.
    alike = len(values) // 10 if np.abs(values).max() > LARGEST_EXACT else 0
    if len(values) >= FEWEST_IDS and len(np.unique(values)) >= len(values) - alike:
        return "is an id: a different whole number in every row"
    return None


def _are_dense(values: Floats) -> bool:
    """Whether measured numbers of this range would hardly all differ, or begin so far from 0."""
    n, span = len(values), values.max() - values.min()
    # Of n numbers in a range n^2 / (2 range) pairs are expected to be equal: here five or more.
    return bool(span <= max(2 * n, n**2 / 10) or span <= np.abs(values).min() / 10_000)
