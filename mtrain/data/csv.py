"""CSV files, read as text; and where in them something is wrong."""

from __future__ import annotations

import codecs
import csv
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mtrain.data.columns import RawTable
from mtrain.data.files import check_memory, find_files
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENDINGS = (".csv", ".tsv", ".txt")

DELIMITERS = ",;\t|"

BLOCK = 1 << 24
"""Bytes read at a time; no row is longer."""


def csv_columns(path: str) -> list[str]:
    """The names in the first line of the first file; raises `MtrainError` as `read_csv`."""
    return _header(find_files(path, ENDINGS)[0])


def read_csv(path: str, columns: list[str], memory: int) -> RawTable:
    """The named columns of a file, a folder or a pattern, as text without surrounding space.

    Empty values are missing. Raises `MtrainError` with the line, or the byte, of what is no CSV,
    and for values that would take more than `memory` bytes.
    """
    files = find_files(path, ENDINGS)
    tables: list[pa.Table] = []
    for file in files:
        quotes = _check_bytes(file)
        names = _header(file)
        if missing := [name for name in columns if name not in names]:
            raise MtrainError(f"{file}: no column {missing[0]!r}, which other files of {path} have")
        before = sum(map(len, tables))

        def check(rows: int, before: int = before) -> None:
            check_memory(4 * (before + rows) * len(columns), memory, path)

        tables.append(_read(file, columns, check))
        if quotes % 2 and (problem := _what_is_wrong(file)):
            raise MtrainError(problem)
    starts = [0, *accumulate(map(len, tables))]

    def place(row: int) -> str:
        number = bisect_right(starts, row) - 1
        return f"{files[number]}:{_line(files[number], row - starts[number])}"

    whole = pa.concat_tables(tables)
    return RawTable({name: whole[name] for name in columns}, typed=False, where=path, place=place)


def _read(file: Path, columns: list[str], check: Callable[[int], None]) -> pa.Table:
    """`check` is asked whether so many rows may be read."""
    batches = []
    rows = 0
    try:
        with pyarrow.csv.open_csv(
            file,
            pyarrow.csv.ReadOptions(block_size=BLOCK),
            pyarrow.csv.ParseOptions(delimiter=_delimiter(file), newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=columns,
                strings_can_be_null=True,
                null_values=[""],
            ),
        ) as reader:
            for batch in reader:
                rows += len(batch)
                check(rows)
                batches.append(_trimmed(batch))
    except pa.ArrowException as error:
        raise MtrainError(_what_is_wrong(file) or f"{file}: not CSV: {error}") from error
    return pa.Table.from_batches(batches)


def _trimmed(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = []
    for column in batch.columns:
        trimmed = pc.utf8_trim_whitespace(column)
        empty = pc.equal(trimmed, "")
        columns.append(pc.if_else(empty, None, trimmed) if pc.any(empty).as_py() else trimmed)
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def _check_bytes(file: Path) -> int:
    """Whether it is UTF-8 text; returns how many quotes it has."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = line = quotes = 0
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                at = done + error.start
                raise MtrainError(
                    f"{file}: not UTF-8 text: byte {at:,} is {block[at - done]:#04x}; save it as UTF-8"
                ) from error
            if (at := block.find(b"\0")) >= 0:
                line += block.count(b"\n", 0, at)
                raise MtrainError(f"{file}:{line + 1}: a NUL byte; this is no text")
            done += len(block)
            line += block.count(b"\n")
            quotes += block.count(b'"')
    return quotes


def _header(file: Path) -> list[str]:
    try:
        names = next(_records(file), (1, []))[1]
    except UnicodeDecodeError:
        _check_bytes(file)
        raise
    except csv.Error as error:
        raise MtrainError(f"{file}:1: {error}") from error
    if not names:
        raise MtrainError(f"{file}: is empty; the first line must name the columns")
    names = [name.strip() for name in names]
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise MtrainError(f"{file}:1: there are two columns {twice[0]!r}")
    return names


def _delimiter(file: Path) -> str:
    """That of which the first line has most; of none a comma."""
    with file.open(encoding="utf-8-sig", newline="") as content:
        line = content.readline(BLOCK)
    return max(DELIMITERS, key=line.count)


def _records(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its values: slow, but it knows where it is."""
    delimiter = _delimiter(file)
    with file.open(encoding="utf-8-sig", newline="") as content:
        reader = csv.reader(content, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                values = next(reader, None)
            except csv.Error as error:
                raise csv.Error(f"{line}: {error}") from error
            if values is None:
                return
            if values:
                yield line, values


def _line(file: Path, row: int) -> int:
    for number, (line, _) in enumerate(_records(file), -1):
        if number == row:
            return line
    raise AssertionError(f"{file} has no row {row}")


def _what_is_wrong(file: Path) -> str | None:
    """The first thing that is wrong with the file, with its line."""
    columns = len(_header(file))
    try:
        for line, values in _records(file):
            if len(values) != columns:
                return (
                    f"{file}:{line}: {len(values)} values; the first line names {columns} columns"
                )
    except csv.Error as error:
        where, _, problem = str(error).partition(": ")
        unclosed = "unexpected end of data" in problem or "larger than field limit" in problem
        return f"{file}:{where}: {'a quote that is never closed' if unclosed else problem}"
    return None
