"""The numbers of a column, read from text or from a type of Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.missing_words import USUAL
from mtrain.data.notation import PLAIN, Notation, is_text
from mtrain.data.table import NUMBER, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LARGEST = float(np.finfo(np.float32).max)


def as_numbers(column: pa.ChunkedArray, notation: Notation = PLAIN) -> NDArray[np.float64]:
    """Each value as a number, NaN if it is missing or not a number; shape (N,)."""
    if is_text(column.type):
        if not notation.is_plain:
            column = notation.plain(column)
        try:
            column = column.cast(pa.float64())
        except pa.ArrowInvalid:
            column = pc.if_else(pc.match_substring_regex(column, NUMBER), column, None)
    if column.type != pa.float64():
        column = column.cast(pa.float64(), safe=False)
    numbers: NDArray[np.float64] = column.to_numpy()
    return numbers


def wrong_numbers(column: pa.ChunkedArray, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which values of a column are no numbers, or too large for a float32, shape (N,).

    `numbers` is what `as_numbers` made of the column.
    """
    wrong: NDArray[np.bool_] = np.abs(numbers) > LARGEST
    nothing = np.isnan(numbers)
    if is_text(column.type) and np.count_nonzero(nothing) > column.null_count:
        known = pc.is_in(column, pa.array([*USUAL, None], pa.string()))
        wrong |= nothing & ~known.to_numpy()
    return wrong


def read_numbers(columns: Sequence[pa.ChunkedArray], *, typed: bool) -> Sequence[Values] | None:
    """Columns of the same length that are numbers throughout, of the range of a float32.

    Read at once, each is just what `read_column` would give. None if they hold anything else.
    """
    kind = columns[0].type
    if any(column.type != kind for column in columns) or not may_be_numbers(kind, typed=typed):
        return None
    try:
        whole = pa.concat_arrays([chunk for column in columns for chunk in column.chunks])
        numbers = whole.cast(pa.float64(), safe=is_text(kind)).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    # A text `nan` is not a missing value by itself.
    if np.count_nonzero(np.isnan(numbers)) > whole.null_count or (np.abs(numbers) > LARGEST).any():
        return None
    return [Values("number", values) for values in numbers.reshape(len(columns), -1)]


def may_be_numbers(kind: pa.DataType, *, typed: bool) -> bool:
    """Whether a column of this type may hold numbers; text may, unless columns are `typed`."""
    if is_text(kind):
        return not typed
    return not pa.types.is_boolean(kind)
