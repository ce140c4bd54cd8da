"""Apache Parquet files."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from mtrain.data.columns import RawTable
from mtrain.data.files import check_memory, find_files
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from pathlib import Path

ENDINGS = (".parquet", ".pq")


def parquet_columns(path: str) -> list[str]:
    """The names of the columns of the first file; raises `MtrainError` as `read_parquet`."""
    file = find_files(path, ENDINGS)[0]
    try:
        names: list[str] = pq.read_schema(file).names
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error
    if twice := [name for name in names if names.count(name) > 1]:
        raise MtrainError(f"{file}: there are two columns {twice[0]!r}")
    return names


def read_parquet(path: str, columns: list[str], memory: int) -> RawTable:
    """The named columns of a file, a folder or a pattern, in this order.

    Raises `MtrainError` for no such file, for what is no Parquet, and for values that would take
    more than `memory` bytes.
    """
    tables = []
    rows = 0
    for file in find_files(path, ENDINGS):
        try:
            rows += pq.read_metadata(file).num_rows
            check_memory(4 * rows * len(columns), memory, path)
            # Not read_table: it would take folders called x=1 for columns.
            table = pq.ParquetFile(file).read(columns)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(file, error) from error
        if missing := [name for name in columns if name not in table.column_names]:
            raise MtrainError(f"{file}: no column {missing[0]!r}, which other files of {path} have")
        tables.append((file, table))
    read = {name: _whole(name, tables) for name in columns}
    starts = [0, *accumulate(len(table) for _, table in tables)]

    def place(row: int) -> str:
        number = bisect_right(starts, row) - 1
        return f"{tables[number][0]}: row {row - starts[number]:,}"

    return RawTable(read, typed=True, where=path, place=place)


def _whole(name: str, tables: list[tuple[Path, pa.Table]]) -> pa.ChunkedArray:
    """A column of all files, as text, numbers or true and false."""
    parts = [_plain(table[name], name, file) for file, table in tables]
    types = {part.type for part in parts} - {pa.null()}
    common = types.pop() if len(types) == 1 else pa.float64()
    if pa.string() in types or pa.bool_() in types:
        file = tables[-1][0]
        raise MtrainError(f"{file}: column {name!r} is not of the same type in all files")
    return pa.chunked_array(
        [chunk.cast(common) for part in parts for chunk in part.chunks], type=common
    )


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
            "turn it into one of these, or leave it out of dataset.features"
        )
    return column


def _damaged(file: Path, error: Exception) -> MtrainError:
    return MtrainError(f"{file}: not a Parquet file that can be read: {str(error).splitlines()[0]}")
