"""The rows of a split by the values of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.config.experiment.table import TableConfig
from mtrain.data.columns import has_codes, read_column
from mtrain.data.ids import why_id
from mtrain.data.source import sorted_names
from mtrain.data.sources.tables import read_by
from mtrain.data.table import Values
from mtrain.errors import ColumnError, MtrainError, UsageError
from mtrain.keywords import option
from mtrain.records.slice_rows import MISSING, SliceRows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.config.experiment.sources import SourceConfig
    from mtrain.data.columns import RawTable
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.dataset import Encoding, Kind

MOST_SLICES = 100
"""The most values of text: the verdicts of more slices, adjusted for all of them, show hardly anything."""

MOST_NUMBERS = 20
"""The most different numbers that are a slice each; more are cut into quarters."""

MOST_VERDICTS = 100_000
"""Slices times classes: as many take half a minute, and a file of 50 MB."""

CUTS = (0.25, 0.5, 0.75)
"""The shares of the rows at which many numbers are cut."""

FEWEST = 10
"""The fewest rows between two cuts, or half a quarter of fewer than 80 rows."""


def check_by(config: SourceConfig, column: str) -> TableConfig:
    """The section, of a table; raises `UsageError` of other data, and if the column is the target."""
    if not isinstance(column, str):
        raise UsageError(f"must be the name of a column, got {column!r:.40}", where=option("by"))
    if not isinstance(config, TableConfig):
        raise UsageError(
            f"{config.name} has no columns; a column of a CSV or Parquet table is needed",
            where=option("by"),
        )
    if column == config.target:
        raise UsageError(
            f"{column!r} is the target; the recall of each class is what its slices would have",
            where=option("by"),
        )
    return config


def slice_rows(
    config: SourceConfig,
    column: str,
    rows: Ints,
    *,
    split: str,
    encoding: Encoding,
    n_classes: int,
    memory: int,
) -> list[SliceRows]:
    """The `rows` of a split, shape (N,), by their values in a column that need not be a feature.

    `split` is that of the data of which `rows` are the positions. Numbers are sorted as numbers, of
    more than `MOST_NUMBERS` the quarters are slices; rows without a value are the last slice. Raises
    `UsageError` for a column that is not there, is the target, tells each row apart, has more than
    `MOST_SLICES` values, or with these classes more than `MOST_VERDICTS`, and `MtrainError` for data that
    cannot be read.
    """
    section = check_by(config, column)
    try:
        table = read_by(section, column, split, memory)
    except ColumnError as error:
        problem = (
            f"column {column!r} {error.problem}; numbers, text, true and false, or times are needed"
        )
        raise UsageError(problem, where=option("by")) from error
    if int(rows.max()) >= len(table):
        raise MtrainError("has fewer rows than when it was read first", where=table.where)
    values = _values(table, column, _kind(section, column, encoding))
    why = None if column == section.time else why_id(column, values, ())
    if why is not None and why[1]:
        raise UsageError(
            f"column {column!r} {why[0]}; take one whose values several rows share",
            where=option("by"),
        )
    taken = Values(values.kind, values.values[rows], values.categories)
    parts = list(_by_number(taken) if values.kind == "number" else _by_text(taken, column))
    if (n_verdicts := len(parts) * n_classes) > MOST_VERDICTS:
        raise UsageError(
            f"column {column!r} has {len(parts):,} slices, which with {n_classes:,} classes are "
            f"{n_verdicts:,} verdicts, and there can be {MOST_VERDICTS:,}; group its values in another column",
            where=option("by"),
        )
    return parts


def _kind(config: TableConfig, column: str, encoding: Encoding) -> Kind | None:
    """The kind as which the model learned it; of groups, each of which is a slice, text; None: unknown."""
    if column == config.groups:
        return "text"
    return next((one.kind for one in encoding.columns if one.name == column), None)


def _values(table: RawTable, column: str, kind: Kind | None) -> Values:
    """The column's values; numbers only where all of its values are."""
    raw = _as_dates(table.columns[column])
    values, wrong = read_column(raw, kind, typed=table.typed, notation=table.notation)
    if kind is None and (wrong.any() or has_codes(raw, values)):
        values, _ = read_column(raw, "text", typed=table.typed, notation=table.notation)
    return values


def _as_dates(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times as text, those at midnight as dates; other columns as they are."""
    if not pa.types.is_temporal(column.type):
        return column
    if pa.types.is_timestamp(column.type):
        days = column.cast(pa.date32(), safe=False)
        if pc.all(pc.equal(days.cast(column.type), column)).as_py():
            column = days
    return column.cast(pa.string())


def _by_text(column: Values, name: str) -> Iterator[SliceRows]:
    used = column.without_unused()
    n, n_rows = len(used.categories), len(used.values)
    if n == n_rows > 1:
        raise UsageError(
            f"column {name!r} has a different value in each of the {n_rows:,} rows; take one whose "
            "values several rows share",
            where=option("by"),
        )
    if n > MOST_SLICES:
        raise UsageError(
            f"column {name!r} has {n:,} different values, and there can be {MOST_SLICES} slices; "
            "group its values in another column",
            where=option("by"),
        )
    places = {text: place for place, text in enumerate(used.categories)}
    for text in sorted_names(set(used.categories)):
        yield SliceRows(text, np.flatnonzero(used.values == places[text]))
    yield from _missing(column)


def _by_number(column: Values) -> Iterator[SliceRows]:
    numbers = column.values + 0.0  # -0 is 0
    different = np.unique(numbers[~column.missing])
    if len(different) <= MOST_NUMBERS:
        for number, text in zip(different, _texts(different), strict=True):
            yield SliceRows(text, np.flatnonzero(numbers == number))
    else:
        yield from _quarters(numbers, different)
    yield from _missing(column)


def _quarters(numbers: Floats, different: Floats) -> Iterator[SliceRows]:
    """Ranges of about a quarter of the rows each; equal numbers stay together, so some may be more.

    They are cut after the quartiles, or before one where fewer rows than `FEWEST` would be left on a side, or
    else not there.
    """
    ordered = np.sort(numbers[~np.isnan(numbers)])
    up_to = np.searchsorted(ordered, different, side="right")
    n, fewest = len(ordered), min(FEWEST, len(ordered) // 8)
    quartiles = np.searchsorted(up_to, np.ceil(np.multiply(CUTS, n)))
    places, begun = [], 0
    for quartile in quartiles.tolist():
        for place in (quartile, quartile - 1):
            if begun + fewest <= up_to[place] <= n - fewest:
                places.append(place)
                begun = up_to[place]
                break
    lasts = different[[*places, -1]]
    firsts = different[[0, *(place + 1 for place in places)]]
    texts = _texts(np.concatenate([firsts, lasts]))
    for first, last, low, high in zip(
        firsts.tolist(), lasts.tolist(), texts[: len(lasts)], texts[len(lasts) :], strict=True
    ):
        rows = np.flatnonzero((numbers >= first) & (numbers <= last))
        if first == last:
            yield SliceRows(low, rows)
        else:
            yield SliceRows(f"{low} to {high}", rows, bounds=(first, last))


def _texts(numbers: Floats) -> Sequence[str]:
    """The numbers in the fewest digits, at least four, in which different ones differ."""
    n = len(np.unique(numbers))
    texts = [repr(number) for number in numbers.tolist()]
    for digits in range(4, 17):
        short = [_text(number, digits) for number in numbers.tolist()]
        if len(set(short)) == n:
            return short
    return texts


def _text(number: float, digits: int) -> str:
    """Whole numbers have all of their digits."""
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.{digits}g}"


def _missing(column: Values) -> Iterator[SliceRows]:
    if (missing := column.missing).any():
        yield SliceRows(MISSING, np.flatnonzero(missing), is_missing=True)
