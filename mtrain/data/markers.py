"""Numbers that stand for a missing value, such as -999."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.missing_words import MISSING_LABELS
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtrain.data.table import Values

REPEATED = re.compile(r"-?(7+|8+|9+)(\.(0|7+|8+|9+))?")
"""99, -999, -99.9, 888, ...: written where nothing was measured, with two digits or more."""

OTHERS = {-1.0, -32_768.0, 32_767.0, 1e20, -1e20, 1e30, -1e30}
"""Other such numbers: of programs, the smallest of 16 bits, and of climate data."""

FEWEST = 2
"""Rows with the marker: a single one may be a value."""


def marker_notes(columns: Mapping[str, Values]) -> Iterator[Note]:
    """A note for each column of numbers with a marker that lies far from all its other values.

    Also one for each column of text with a category such as `NULL`.
    """
    for name, column in columns.items():
        for code, category in enumerate(column.categories):
            if category in MISSING_LABELS:
                rows = int(np.count_nonzero(column.values == code))
                text = (
                    f"column {name!r}: {category!r} in {rows:,} row{'s' * (rows > 1)} is a category; "
                    f"if it stands for a missing value: dataset.missing_values: [{category!r}]"
                )
                yield Note("missing-marker", text)
        if column.kind == "number" and (pair := _marker(column)) is not None:
            marker, rows = pair
            written = _written(marker)
            text = (
                f"column {name!r}: {written} in {rows:,} rows is far from all other values; if it "
                f"stands for a missing value: dataset.missing_values: [{written}]"
            )
            yield Note("missing-marker", text)


def _marker(column: Values) -> tuple[float, int] | None:
    """The marker and the number of its rows; None if there is no marker."""
    values = column.values[~column.missing]
    if not len(values):
        return None
    for end in sorted({float(values.min()), float(values.max())}):
        if not is_marker(end):
            continue
        there = values == end
        rest, rows = values[~there], int(np.count_nonzero(there))
        if rows >= FEWEST and len(rest) and 0 < np.ptp(rest) < np.abs(rest - end).min():
            return end, rows
    return None


def is_marker(number: float) -> bool:
    """Whether people and programs write this number for a missing value."""
    text = _written(number)
    is_repeated = REPEATED.fullmatch(text) is not None and sum(map(str.isdigit, text)) > 1
    return is_repeated or number in OTHERS


def _written(number: float) -> str:
    """In the digits of a float32, as it may have been."""
    is_short = number.is_integer() and abs(number) < 1e15
    return str(int(number)) if is_short else f"{np.float32(number):.6g}"
