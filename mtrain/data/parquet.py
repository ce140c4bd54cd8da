"""Apache Parquet files."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from mtrain.data.columns import RawTable
from mtrain.data.files import check_memory, find_files
from mtrain.data.notation import PLAIN, Notation
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from pathlib import Path

DAMAGE = (OSError, UnicodeDecodeError, pa.ArrowException)
"""What pyarrow raises for files that are not as they must be."""

ENDINGS = (".parquet", ".pq")


def parquet_columns(path: str, _: Notation = PLAIN) -> list[str]:
    """The names of the columns of the first file; raises `MtrainError` as `read_parquet`."""
    return _names(find_files(path, ENDINGS)[0])


def read_parquet(
    path: str, columns: list[str], memory: int, notation: Notation = PLAIN
) -> RawTable:
    """The named columns of a file, a folder or a pattern, in this order.

    Raises `MtrainError` for no such file, for what is no Parquet, and for values that would take
    more than `memory` bytes.
    """
    tables = []
    rows = 0
    for file in find_files(path, ENDINGS):
        names = _names(file)
        if missing := [name for name in columns if name not in names]:
            raise MtrainError(f"{file}: no column {missing[0]!r}, which other files of {path} have")
        try:
            rows += pq.read_metadata(file).num_rows
            check_memory(4 * rows * len(columns), memory, path)
            # Not read_table: it would take folders called x=1 for columns.
            table = pq.ParquetFile(file).read(columns)
            check_memory(table.nbytes, memory, path)
            table.validate(full=True)  # text may be no UTF-8
        except DAMAGE as error:
            raise _damaged(file, error) from error
        tables.append((file, table))
    read = {name: notation.without_missing(_whole(name, tables)) for name in columns}
    starts = [0, *accumulate(len(table) for _, table in tables)]

    def place(row: int) -> str:
        number = bisect_right(starts, row) - 1
        return f"{tables[number][0]}: row {row - starts[number]:,}"

    return RawTable(read, typed=True, where=path, place=place, notation=notation)


def pandas_index(path: str) -> list[str]:
    """The columns of the first file that were the index of a pandas table, and have its name."""
    file = find_files(path, ENDINGS)[0]
    names = _names(file)
    try:
        index = json.loads((pq.read_schema(file).metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError):
        return []  # not written by pandas
    return [name for name in index if name in names] if isinstance(index, list) else []


def _names(file: Path) -> list[str]:
    """Of the columns, but of pandas' index, which is none of its columns."""
    try:
        names: list[str] = pq.read_schema(file).names
    except DAMAGE as error:
        raise _damaged(file, error) from error
    if twice := [name for name in names if names.count(name) > 1]:
        raise MtrainError(f"{file}: there are two columns {twice[0]!r}")
    return [name for name in names if not re.fullmatch(r"__index_level_[0-9]+__", name)]


def _whole(name: str, tables: list[tuple[Path, pa.Table]]) -> pa.ChunkedArray:
    """A column of all files, as text, numbers or true and false."""
    parts = [_plain(table[name], name, file) for file, table in tables]
    types = {part.type: file for part, (file, _) in zip(parts, tables, strict=True)}
    types.pop(pa.null(), None)
    common = next(iter(types)) if len(types) == 1 else pa.float64()
    if len(types) > 1 and types.keys() & {pa.string(), pa.bool_()}:
        *_, file = types.values()
        found = ", ".join(f"{kind} in {file}" for kind, file in types.items())
        raise MtrainError(f"{file}: column {name!r} must be of one type in all files, is {found}")
    # Not safe: what a float64 rounds is a number that a float32 would round all the more.
    chunks = [chunk.cast(common, safe=False) for part in parts for chunk in part.chunks]
    return pa.chunked_array(chunks, type=common)


def _plain(column: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        column = column.cast(kind)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    plain = (pa.types.is_string, pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating)
    if not (pa.types.is_null(kind) or any(is_it(kind) for is_it in plain)):
        raise MtrainError(
            f"{file}: column {name!r} is {kind}; columns must be numbers, text, or true and false: "
            "turn it into one of these, or leave it out by dataset.exclude"
        )
    return column


def _damaged(file: Path, error: Exception) -> MtrainError:
    return MtrainError(f"{file}: not a Parquet file that can be read: {str(error).splitlines()[0]}")
