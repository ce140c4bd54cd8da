"""CSV files, read as text; and where in them something is wrong."""

from __future__ import annotations

import codecs
import csv
import re
from bisect import bisect_right
from functools import cache
from itertools import accumulate, islice, pairwise, zip_longest
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mtrain.data.columns import MISSING_NUMBERS, RawTable
from mtrain.data.files import check_memory, find_files
from mtrain.data.notation import PLAIN, Notation
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ENDINGS = (".csv", ".tsv")
"""Of the files that are read of a folder."""

DELIMITERS = ",;\t|"

NOTHING = {"", "?", *MISSING_NUMBERS}
"""What tells nothing of a column."""

ROWS_LOOKED_AT = 1000
"""Of a file, for whether its first line names the columns."""

BLOCK = 1 << 24
"""Bytes read at a time; no row is longer."""


def csv_file(path: str) -> Path:
    """The first file of a path; raises `MtrainError` where there is none."""
    return find_files(path, ENDINGS)[0]


def csv_columns(path: str, notation: Notation = PLAIN) -> list[str]:
    """The names of the columns of the first file; raises `MtrainError` as `read_csv`."""
    return _header(find_files(path, ENDINGS)[0], notation)[1]


def read_csv(path: str, columns: list[str], memory: int, notation: Notation = PLAIN) -> RawTable:
    """The named columns of a file, a folder or a pattern, as text without surrounding space.

    Empty values are missing. Raises `MtrainError` with the line, or the byte, of what is no CSV,
    and for values that would take more than `memory` bytes.
    """
    files = find_files(path, ENDINGS)
    tables: list[pa.Table] = []
    for file in files:
        lines, quotes = _check_bytes(file)
        first, names = _header(file, notation)
        if missing := [name for name in columns if name not in names]:
            raise MtrainError(f"{file}: no column {missing[0]!r}, which other files of {path} have")
        before = sum(table.nbytes for table in tables)

        def check(n_bytes: int, before: int = before) -> None:
            check_memory(before + n_bytes, memory, path)

        tables.append(_read(file, columns, check, notation))
        # To pyarrow all up to the next quote is one value, whatever lines it takes in.
        more = lines - len(tables[-1]) - (first > 0)
        suspicious = quotes % 2 or (quotes and more not in {-1, 0})
        if suspicious and (problem := _what_is_wrong(file, notation)):
            raise MtrainError(problem)
    starts = [0, *accumulate(map(len, tables))]

    @cache
    def place(row: int) -> str:
        number = bisect_right(starts, row) - 1
        return f"{files[number]}:{_line(files[number], row - starts[number], notation)}"

    whole = pa.concat_tables(tables)
    read = {name: notation.without_missing(whole[name]) for name in columns}
    return RawTable(read, typed=False, where=path, place=place, notation=notation)


def _read(
    file: Path, columns: list[str], check: Callable[[int], None], notation: Notation
) -> pa.Table:
    """`check` is asked whether so many bytes may be read."""
    batches = []
    n_bytes = 0
    line, names = _header(file, notation)
    places = [str(names.index(name)) for name in columns]
    try:
        with pyarrow.csv.open_csv(
            file,
            # Names are counted: in the file they may be empty, or have space around them.
            pyarrow.csv.ReadOptions(
                block_size=BLOCK,
                column_names=list(map(str, range(len(names)))),
                skip_rows_after_names=line,
            ),
            pyarrow.csv.ParseOptions(
                delimiter=_delimiter(file),
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,  # of one column they are rows without a value
            ),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                include_columns=places,
                strings_can_be_null=True,
                null_values=[""],
            ),
        ) as reader:
            for batch in reader:
                n_bytes += batch.nbytes
                check(n_bytes)
                batches.append(_trimmed(batch, columns))
    except pa.ArrowException as error:
        problem = _what_is_wrong(file, notation)
        # That names alone, without an end of the line, are no block is no fault of the file.
        if problem or len(list(islice(_records(file), 2))) > 1:
            raise MtrainError(problem or f"{file}: not CSV: {error}") from error
    return pa.Table.from_batches(batches, pa.schema([(name, pa.string()) for name in columns]))


def _trimmed(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    columns = []
    for column in batch.columns:
        trimmed = pc.utf8_trim_whitespace(column)
        empty = pc.equal(trimmed, "")
        columns.append(pc.if_else(empty, None, trimmed) if pc.any(empty).as_py() else trimmed)
    return pa.RecordBatch.from_arrays(columns, names)


def _check_bytes(file: Path) -> tuple[int, int]:
    """Whether it is UTF-8 text; returns how many ends of lines and how many quotes it has."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    done = lines = quotes = 0
    with file.open("rb") as content:
        while block := content.read(BLOCK):
            _decode(decoder, block, done, file)
            if (at := block.find(b"\0")) >= 0:
                lines += block.count(b"\n", 0, at)
                raise MtrainError(f"{file}:{lines + 1}: a NUL byte; this is no text")
            done += len(block)
            lines += block.count(b"\n")
            quotes += block.count(b'"')
    _decode(decoder, b"", done, file)
    return lines, quotes


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, done: int, file: Path) -> None:
    try:
        decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        # A character may begin in one block and end in the next.
        at = done + len(block) - len(error.object) + error.start
        raise MtrainError(
            f"{file}: not UTF-8 text: byte {at:,} is {error.object[error.start]:#04x}; save it as "
            "UTF-8"
        ) from error


def _header(file: Path, notation: Notation) -> tuple[int, list[str]]:
    """The line that names the columns, 0: there is none, and the names."""
    with file.open("rb") as content:
        if len(content.readline(BLOCK)) == BLOCK:
            _check_bytes(file)
            raise MtrainError(f"{file}:1: {BLOCK:,} bytes or more; this is no line of a table")
    try:
        line, names = next(_records(file), (1, []))
    except UnicodeDecodeError:
        _check_bytes(file)
        raise
    except csv.Error as error:
        raise MtrainError(f"{file}:{_problem(error)}") from error
    if not names:
        raise MtrainError(f"{file}: is empty; the first line must name the columns")
    if any("\0" in name for name in names):
        _check_bytes(file)
    if not notation.header:
        return 0, [f"column_{number}" for number in range(1, len(names) + 1)]
    names = [name.strip() for name in names]
    if twice := [name for name in names if name and names.count(name) > 1]:
        hint = "; dataset.header: false makes this line a row" if looks_like_data(file) else ""
        raise MtrainError(f"{file}:{line}: there are two columns {twice[0]!r}{hint}")
    return line, names


def looks_like_data(file: Path) -> bool:
    """Whether the first line seems to be a row of data rather than the names of columns.

    That is, over columns of numbers all names are numbers as well, but do not just count them as
    years do; or, where no column is one of numbers, most names are values of their own columns.
    """
    try:
        (_, names), *records = islice(_records(file, strict=False), ROWS_LOOKED_AT)
    except (csv.Error, UnicodeDecodeError, ValueError):
        return False
    names = [name.strip() for name in names]
    columns = list(zip_longest(*(values for _, values in records), fillvalue=""))[: len(names)]
    if len(columns) < len(names):
        return False
    values = [{value.strip() for value in column} - NOTHING for column in columns]
    numbers = [k for k, some in enumerate(values) if some and all(map(_is_number, some))]
    if numbers:
        named = [names[k] for k in numbers]
        if not all(_is_number(name) or name in NOTHING for name in named):
            return False
        found = [float(name.replace(",", ".")) for name in named if name not in NOTHING]
        counted = {after - before for before, after in pairwise(found)} <= {1.0}
        if found and not (counted and all(number % 1 == 0 for number in found)):
            return True
    texts = [k for k in range(len(names)) if k not in numbers]
    return sum(names[k] in values[k] for k in texts) > len(texts) / 2


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][-+]?[0-9]+)?", text) is not None


def _delimiter(file: Path) -> str:
    """That of which the first line, what is in quotes aside, has most; of none a comma."""
    with file.open(encoding="utf-8-sig", newline="") as content:
        first = next((line for line in content if line.strip()), "")
    return max(DELIMITERS, key=re.sub('"[^"]*"', "", first).count)


def _records(file: Path, *, strict: bool = True) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its values: slow, but it knows where it is.

    Raises `csv.Error` that begins with the line; unless `strict`, for less than pyarrow does.
    """
    delimiter = _delimiter(file)
    with file.open(encoding="utf-8-sig", newline="") as content:
        reader = csv.reader(content, delimiter=delimiter, strict=strict)
        width = 0
        while True:
            line = reader.line_num + 1
            before = csv.field_size_limit(BLOCK)  # which is of the whole process
            try:
                values = next(reader, None)
            except csv.Error as error:
                raise csv.Error(f"{line}: {error}") from error
            finally:
                csv.field_size_limit(before)
            if values is None:
                return
            width = width or len(values)
            if values or width == 1:
                yield line, values or [""]


def _line(file: Path, row: int, notation: Notation) -> int:
    records = enumerate(_records(file, strict=False), -1 if notation.header else 0)
    return next(line for number, (line, _) in records if number == row)


def _what_is_wrong(file: Path, notation: Notation) -> str | None:
    """The first thing that is wrong with the file, with its line."""
    columns = len(_header(file, notation)[1])
    try:
        for line, values in _records(file):
            if len(values) != columns:
                n_values = "1 value" if len(values) == 1 else f"{len(values)} values"
                has = f"names {columns} columns" if notation.header else f"has {columns}"
                return f"{file}:{line}: {n_values}; the first line {has}"
    except csv.Error as error:
        return f"{file}:{_problem(error)}"
    return None


def _problem(error: csv.Error) -> str:
    """The line, and in words what is wrong there."""
    line, _, problem = str(error).partition(": ")
    if "unexpected end of data" in problem or "larger than field limit" in problem:
        problem = "a quote that is never closed"
    elif "expected after" in problem:
        problem = "text after a closing quote; a quote within a value is written twice"
    return f"{line}: {problem}"
