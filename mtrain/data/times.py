"""Times of rows, in any form that says which comes first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.columns import as_categories, read_column
from mtrain.data.notation import PLAIN, Notation, is_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints

EXAMPLE = "such as 2024-05-31 or 2024-05-31 12:30"

EXPECTED = {
    "number": "a number",
    "date": f"a date, {EXAMPLE}",
    "offset": "a date and time with its offset from UTC, such as 2024-05-31 12:30+02:00",
    "time": "a time, such as 12:30",
}
"""The kinds of times; those of one column are of one kind."""

MICROSECONDS = 10**6
_FIRST = date(1, 1, 1).toordinal()


@dataclass(frozen=True, eq=False)
class Times:
    """The times of a column."""

    ranks: Ints
    """The place of each row's time among the different times, -1 if it has none; shape (N,)."""

    wrong: NDArray[np.bool_]
    """Whether each value cannot be compared with the others; shape (N,)."""

    expected: str
    """What those are not."""


def read_times(column: pa.ChunkedArray, *, typed: bool, notation: Notation = PLAIN) -> Times:
    """The times in a column: dates, times or numbers; of text, the kind that most values have."""
    if pa.types.is_temporal(column.type) or pa.types.is_signed_integer(column.type):
        # Dates of 32 bits become no integers of 64 at once.
        whole = pc.cast(column, pa.int32()) if column.type.bit_width == 32 else column
        values = pc.fill_null(pc.cast(whole, pa.int64()), 0).to_numpy()
        ranks = _ranks(values, pc.is_null(column).to_numpy())
        return Times(ranks, np.zeros(len(values), bool), EXPECTED["number"])
    if not is_text(column.type):
        numbers, wrong = read_column(column, "number", typed=typed, notation=notation)
        return Times(_ranks(numbers.values, numbers.missing), wrong, EXPECTED["number"])
    return _times_of_text(column, typed=typed, notation=notation)


def _times_of_text(column: pa.ChunkedArray, *, typed: bool, notation: Notation) -> Times:
    numbers, no_number = read_column(column, "number", typed=typed, notation=notation)
    codes, texts = as_categories(column)
    parsed = [parse_time(text) for text in texts]
    kinds = np.array([*(kind for kind, _ in parsed), "missing"])[codes]
    rows = {kind: int(np.count_nonzero(kinds == kind)) for kind in ("date", "offset", "time")}
    kind = max(rows, key=rows.__getitem__)
    n_numbers = int(np.count_nonzero(~no_number & ~numbers.missing))
    if n_numbers >= rows[kind]:
        expected = EXPECTED["number"] if n_numbers else f"a number, a date or a time, {EXAMPLE}"
        return Times(_ranks(numbers.values, numbers.missing), no_number, expected)
    values = np.array([*(value for _, value in parsed), 0], np.int64)[codes]
    missing, is_kind = codes < 0, kinds == kind
    return Times(_ranks(values, ~is_kind), ~is_kind & ~missing, EXPECTED[kind])


def _ranks(values: Ints | Floats, missing: NDArray[np.bool_]) -> Ints:
    ranks = np.full(len(values), -1, np.int64)
    ranks[~missing] = np.unique(values[~missing], return_inverse=True)[1]
    return ranks


def parse_time(text: str) -> tuple[str, int]:
    """The kind of a time in the notation of ISO 8601, and its microseconds; the kind is empty else.

    They count from the year 1, in UTC where there is an offset, or from midnight.
    """
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        text += "-01"
    try:
        if not re.match(r"[0-9]{4}", text):
            at = time.fromisoformat(text)
            return ("", 0) if at.tzinfo else ("time", _microseconds(at))
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            kind = "date"
        else:
            kind, moment = "offset", moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return "", 0
    days = moment.toordinal() - _FIRST
    return kind, days * 24 * 3600 * MICROSECONDS + _microseconds(moment.time())


def _microseconds(at: time) -> int:
    seconds = (at.hour * 60 + at.minute) * 60 + at.second
    return seconds * MICROSECONDS + at.microsecond
