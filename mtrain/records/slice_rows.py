"""The rows of a split that have one value of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtrain.records.arrays import Ints

MISSING = "missing"
"""What stands for the value of rows that have none."""


@dataclass(frozen=True, eq=False)
class SliceRows:
    """Rows of one value, of one range of numbers, or without a value."""

    value: str
    """The value, `18 to 31` of a range, or `missing`."""

    rows: Ints
    """Positions in the split, ascending, shape (N,); at least one."""

    is_missing: bool = False
    """Whether the rows have no value; a text may be called `missing` as well."""

    bounds: tuple[float, float] | None = None
    """The smallest and the largest number of a range; None: it is one value."""
