"""Dates and times as numbers to learn from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.columns import as_categories
from mtrain.data.notation import is_text
from mtrain.data.times import EXPECTED, parse_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from mtrain.data.columns import RawTable
    from mtrain.records.arrays import Floats

PARTS = ("year", "month", "weekday", "hour", "day_of_year")
"""What is learned from a date; the weekday from 0, Monday, the others as they are written."""

NO_DATE = f"is not {EXPECTED['date']}"


def names_of_parts(column: str) -> list[str]:
    """The names of the parts of a column of dates."""
    return [f"{column}.{part}" for part in PARTS]


def learned_names(table: RawTable, columns: Iterable[str], dates: Collection[str]) -> list[str]:
    """The names to learn from: those of columns, and in place of each of the `dates` those of its parts.

    Parts that are the same in all rows of the table are left out, as the hour of dates without a time; but for
    the year, if all of them are.
    """
    names = []
    for column in columns:
        if column in dates:
            parts = names_of_parts(column)
            names += [name for name in parts if _differs(table.columns[name])] or parts[:1]
        else:
            names.append(column)
    return names


def _differs(column: pa.ChunkedArray) -> bool:
    return len(pc.unique(column).drop_null()) > 1


def column_of(name: str, dates: Collection[str]) -> str:
    """The column of a name that is learned from."""
    column, _, part = name.rpartition(".")
    return column if column in dates and part in PARTS else name


def read_names(names: Iterable[str], dates: Collection[str]) -> list[str]:
    """The columns of the names that are learned from, each once."""
    return list(dict.fromkeys(column_of(name, dates) for name in names))


def with_parts(
    table: RawTable, dates: Collection[str]
) -> tuple[RawTable, dict[str, NDArray[np.bool_]]]:
    """The table with the parts of these columns, too, and which values are no dates, (N,), where some are."""
    parts: dict[str, pa.ChunkedArray] = {}
    wrong = {}
    for column in dates:
        numbers, no_date = _parts_of(table.columns[column])
        for name, values in zip(names_of_parts(column), numbers.T, strict=True):
            whole = pa.array(values, pa.int32(), mask=np.isnan(values), safe=False)
            # Where columns have no types, all of them are text.
            read = whole if table.typed else whole.cast(pa.string())
            parts[name] = pa.chunked_array([read])
        if no_date.any():
            wrong[column] = no_date
    return replace(table, columns={**table.columns, **parts}) if parts else table, wrong


def holds_dates(column: pa.ChunkedArray) -> bool:
    """Whether all values of a column that has some are dates; as text they have signs between the numbers."""
    if not is_text(column.type):
        return _is_moment(column.type)
    texts = pc.unique(column).drop_null().to_pylist()
    return bool(texts) and all("-" in text and is_date(text) for text in texts)


def years(column: pa.ChunkedArray) -> Floats:
    """The year of each date, NaN where there is none; shape (N,)."""
    return _parts_of(column)[0][:, 0]


def is_date(text: str) -> bool:
    """Whether it is a date, with a time or without, in the notation of ISO 8601."""
    return parse_time(text)[0] in {"date", "offset"}


def _parts_of(column: pa.ChunkedArray) -> tuple[Floats, NDArray[np.bool_]]:
    """The parts (N, 5) of each value, NaN where there is no date, and which values are none, (N,)."""
    if is_text(column.type):
        codes, texts = as_categories(column)
        is_wrong = np.array([*(not is_date(text) for text in texts), False])
        of_texts = [_parts_of_text(text) for text in texts]
        return np.array([*of_texts, _NOTHING])[codes], is_wrong[codes]
    if not _is_moment(column.type):
        return np.full((len(column), len(PARTS)), np.nan), pc.is_valid(column).to_numpy()
    moments = column.cast(pa.timestamp("us"), safe=False)  # with an offset: in UTC, as text is
    takes = (pc.year, pc.month, pc.day_of_week, pc.hour, pc.day_of_year)
    numbers = [take(moments).cast(pa.float64()).to_numpy() for take in takes]
    return np.stack(numbers, axis=1), np.zeros(len(column), np.bool_)


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


_NOTHING = (np.nan,) * len(PARTS)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


def _parts_of_text(text: str) -> tuple[float, ...]:
    if not is_date(text):
        return _NOTHING
    at = _FIRST + timedelta(microseconds=parse_time(text)[1])
    return at.year, at.month, at.weekday(), at.hour, at.timetuple().tm_yday
