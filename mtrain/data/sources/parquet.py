"""Apache Parquet files."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from mtrain.config.catalog.endings import ENDINGS
from mtrain.data.columns import RawTable, trimmed
from mtrain.data.files import check_memory, find_files, partitions_of, shares_read
from mtrain.data.notation import PLAIN, Notation, is_text
from mtrain.data.source import is_whole
from mtrain.errors import ColumnError, MtrainError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

MANY_COLUMNS = 1_000

PANDAS_INDEX = re.compile("__index_level_[0-9]+__")
"""Pandas' name of an index without a name."""

DAMAGE = (OSError, UnicodeDecodeError, pa.ArrowException)
"""What pyarrow raises for damaged files."""


def parquet_columns(path: str, _: Notation = PLAIN, *, split: str | None = "train") -> list[str]:
    """The names of the columns of the first file; raises `MtrainError` as `read_parquet`.

    Its folders are columns as well: `year` of `year=2024/part.parquet`.
    """
    file = find_files(path, ENDINGS["parquet"], split)[0]
    return list(_names(_schema(file), file) | partitions_of(file, path))


def read_parquet(
    path: str,
    columns: list[str],
    memory: int,
    notation: Notation = PLAIN,
    *,
    split: str | None = "train",
    times: Collection[str] = (),
) -> RawTable:
    """The named columns of a file, a folder or a pattern, in this order.

    `split` is as for `find_files`. The columns `times` may be of dates and times. Raises
    `MtrainError` for no such file, for a file that is not Parquet, and for values that would take
    more than `memory` bytes.
    """
    tables = []
    rows = n_bytes = 0
    files = find_files(path, ENDINGS["parquet"], split)
    partitions = _partitions(files, path)
    for file in files:
        try:
            opened = pq.ParquetFile(file)
            there = _there(opened, file, columns, partitions, path)
            rows += opened.metadata.num_rows
            check_memory(4 * rows * len(columns), memory, path)
            # Not read_table: it would take folders called x=1 for columns.
            # Of very many columns, threads take longer to begin than to read.
            table = opened.read(list(there.values()), use_threads=len(there) < MANY_COLUMNS)
            n_bytes += table.nbytes
            check_memory(n_bytes, memory, path)
            tables.append((file, _named(table, columns, there, partitions[file])))
        except DAMAGE as error:
            raise _damaged(file, error) from error
    read = {name: _whole(name, tables, is_time=name in times) for name in columns}
    starts = [0, *accumulate(len(table) for _, table in tables)]

    def place(row: int) -> str:
        number = bisect_right(starts, row) - 1
        return _place(files[number], 0, row - starts[number])

    return RawTable(read, typed=True, where=path, place=place, notation=notation)


def pandas_index(path: str) -> list[str]:
    """The columns of the first file that were the index of a pandas table, and have its name."""
    file = find_files(path, ENDINGS["parquet"])[0]
    schema = _schema(file)
    names = {there: name for name, there in _names(schema, file).items()}
    try:
        index = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError):
        return []  # not written by pandas
    # An index that only counts the rows is not a column, but a mapping with start and end.
    columns = (name for name in index if isinstance(name, str)) if isinstance(index, list) else ()
    return [names[name] for name in columns if name in names]


def parquet_pieces(
    path: str,
    columns: list[str],
    rows: int,
    notation: Notation = PLAIN,
    *,
    as_is: Collection[str] = (),
    times: Collection[str] = (),
) -> Iterator[RawTable]:
    """The named columns of all files at `path`, so many rows at a time; as for `read_parquet`.

    Those that are to be `as_is` may be of any type.
    """
    files = find_files(path, ENDINGS["parquet"], None)
    partitions = _partitions(files, path)
    share = shares_read(files)
    for number, file in enumerate(files):
        done = 0
        try:
            opened = pq.ParquetFile(file)
            n_bytes, n_rows = file.stat().st_size, opened.metadata.num_rows
            there = _there(opened, file, columns, partitions, path)
            for batch in opened.iter_batches(rows, columns=list(there.values())):
                whole = pa.Table.from_batches([batch])
                table = _named(whole, columns, there, partitions[file])
                yield RawTable(
                    {
                        name: table[name]
                        if name in as_is
                        else _whole(name, [(file, table)], is_time=name in times)
                        for name in columns
                    },
                    typed=True,
                    where=path,
                    place=partial(_place, file, done),
                    notation=notation,
                    read=share(number, n_bytes * (done + len(table)) / n_rows),
                )
                done += len(table)
        except DAMAGE as error:
            raise _damaged(file, error) from error


def in_memory(
    table: pa.Table, columns: list[str], file: Path, times: Collection[str] = ()
) -> dict[str, pa.ChunkedArray]:
    """The named columns of a table, all of which it has, as those of a `file`; `times` as for `read_parquet`."""
    there = _names(table.schema, file)
    table = _named(table, columns, {name: there[name] for name in columns}, {})
    return {name: _whole(name, [(file, table)], is_time=name in times) for name in columns}


def names_in_memory(table: pa.Table, where: str) -> list[str]:
    """The names of its columns, as `parquet_columns` has those of a file."""
    return list(_names(table.schema, Path(where)))


def _place(file: Path, start: int, row: int) -> str:
    return f"{file}: row {start + row:,}"


def _there(
    opened: pq.ParquetFile,
    file: Path,
    columns: list[str],
    partitions: Mapping[Path, Mapping[str, Any]],
    path: str,
) -> dict[str, str]:
    """The file's names of the columns that it has; the other columns are folders."""
    names = _names(opened.schema_arrow, file)
    for name in columns:
        if name not in names and name not in partitions[file]:
            raise MtrainError(f"no column {name!r}, which other files of {path} have", where=file)
    return {name: names[name] for name in columns if name in names}


def _named(
    table: pa.Table,
    columns: list[str],
    there: Mapping[str, str],
    partition: Mapping[str, int | str | None],
) -> pa.Table:
    """The columns in this order, by these names, with what the file's folders say."""
    table.validate(full=True)  # text may be no UTF-8
    read = {name: table[called] for name, called in there.items()}
    for name in columns:
        if name not in read:
            value = partition[name]
            kind = pa.int64() if isinstance(value, int) else pa.null() if value is None else None
            read[name] = pa.chunked_array([pa.repeat(pa.scalar(value, kind), len(table))])
    return pa.table({name: read[name] for name in columns})


def _partitions(files: list[Path], path: str) -> dict[Path, dict[str, int | str | None]]:
    """The values in the folder names of each file; numbers if all of that name are numbers."""
    texts = {file: partitions_of(file, path) for file in files}
    keys = {key for values in texts.values() for key in values}
    whole = {
        key
        for key in keys
        if all(_is_integer(values[key]) for values in texts.values() if values.get(key) is not None)
    }
    return {
        file: {
            key: int(value) if key in whole and value is not None else value
            for key, value in values.items()
        }
        for file, values in texts.items()
    }


def _is_integer(text: str | None) -> bool:
    """Whether it is a whole number that a signed integer of 64 bits holds."""
    return text is not None and is_whole(text) and -(2**63) <= int(text) < 2**63


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except DAMAGE as error:
        raise _damaged(file, error) from error


def _names(schema: pa.Schema, file: Path) -> dict[str, str]:
    """Names of the columns, without pandas' index: trimmed, and as they are.

    Space around names and texts is ignored, as in CSV.
    """
    names: dict[str, str] = {}
    for there in schema.names:
        if (name := there.strip()) in names:
            raise MtrainError(f"there are two columns {name!r}", where=file)
        names[name] = there
    return {name: there for name, there in names.items() if not PANDAS_INDEX.fullmatch(name)}


def _whole(
    name: str, tables: list[tuple[Path, pa.Table]], *, is_time: bool = False
) -> pa.ChunkedArray:
    """A column of all files, as text, numbers or true and false; as dates or times if it may be."""
    read = _in_microseconds if is_time else _plain
    parts = [read(table[name], name, file) for file, table in tables]
    if len(parts) == 1 and parts[0].type != pa.null():
        return parts[0]
    types = {part.type: file for part, (file, _) in zip(parts, tables, strict=True)}
    types.pop(pa.null(), None)
    if len(types) == 1:
        common = next(iter(types))
    elif types and all(map(pa.types.is_integer, types)):
        common = pa.decimal128(20)  # labels of 64 bits, signed or not, stay what they are
    else:
        common = pa.float64()
    if len(types) > 1 and (
        types.keys() & {pa.large_string(), pa.bool_()} or any(map(pa.types.is_temporal, types))
    ):
        *_, file = types.values()
        kinds = ", ".join(
            f"{'string' if is_text(kind) else kind} in {file}" for kind, file in types.items()
        )
        raise ColumnError(name, f"must be of one type in all files, is {kinds}", where=file)
    # Not safe: what a float64 rounds is a number that a float32 would round all the more.
    chunks = [chunk for part in parts for chunk in part.chunks]
    chunks = [c if c.type == common else c.cast(common, safe=False) for c in chunks]
    return pa.chunked_array(chunks, type=common)


def _in_microseconds(column: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    """Dates and times in one unit, whatever the file's; other columns as `_plain` has them."""
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = None if pa.types.is_date(kind) or kind.tz is None else "UTC"
        return column.cast(pa.timestamp("us", zone), safe=False)
    if pa.types.is_time(kind):
        return column.cast(pa.time64("us"), safe=False)
    return _plain(column, name, file)


def _plain(column: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return column
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        if _is_any_text(kind):
            # In one array of `string` there is no place for more than 2 GB.
            column = column.cast(pa.dictionary(column.type.index_type, pa.large_string()))
            kind = pa.large_string()
        return _plain(column.cast(kind), name, file)
    if _is_any_text(kind):
        return trimmed(column.cast(pa.large_string()))
    plain = (pa.types.is_null, pa.types.is_boolean, pa.types.is_decimal)
    if not any(is_it(kind) for is_it in plain):
        raise ColumnError(
            name,
            f"is {kind}",
            where=file,
            remedy="columns must be numbers, text, or true and false: turn it into one of these, or "
            "leave it out by dataset.exclude",
        )
    return column


def _is_any_text(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_string_view(kind))


def _damaged(file: Path, error: Exception) -> MtrainError:
    if "more than 64 bits" in str(error):
        return MtrainError(
            "a column is of 128-bit integers, and pyarrow reads no file with such",
            where=file,
            remedy=(
                "write it with 64 bits, in polars by `.cast(pl.Int64)`, or as decimals or text"
            ),
        )
    return MtrainError(
        f"not a Parquet file that can be read: {str(error).splitlines()[0]}", where=file
    )
