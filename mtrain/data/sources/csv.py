"""CSV files, read as text, and the places of their mistakes."""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from functools import cache, partial
from itertools import accumulate, islice, pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.csv

from mtrain.config.catalog.endings import ENDINGS
from mtrain.data.columns import RawTable, trimmed
from mtrain.data.files import check_memory, find_files, partitions_of, position, shares_read
from mtrain.data.missing_words import USUAL
from mtrain.data.notation import PLAIN, Notation
from mtrain.data.sources.csv_text import (
    BLOCK,
    LINE_END,
    check_bytes,
    find_quote_problem,
    form_of,
    open_bytes,
    open_text,
)
from mtrain.errors import MtrainError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SMALL_BLOCK, COLUMN_BLOCK = 1 << 20, 1 << 14
"""Bytes that are parsed at once, at least and for each column: they and their values stay near the
processor, and Arrow has several such blocks in work."""

NOTHING = {"", "?", *USUAL}
"""Values that say nothing about a column."""

ROWS_LOOKED_AT = 1000
"""Rows examined to see whether the first line names the columns; fewer if columns are many."""

CELLS_LOOKED_AT = 1_000_000

REPEATED = 0.05
"""Share of rows that may repeat the names, as in concatenated files."""


def csv_file(path: str) -> Path:
    """The first file of a path; raises `MtrainError` if there is no file."""
    return find_files(path, ENDINGS["csv"])[0]


def delimiter_of(file: Path) -> str:
    """The delimiter of a CSV file."""
    return form_of(file).delimiter


def csv_columns(path: str, notation: Notation = PLAIN, *, split: str | None = "train") -> list[str]:
    """The names in the first line of the first file, and of its folders, as of `year=2024/part.csv`.

    Raises `MtrainError` as `read_csv`.
    """
    file = find_files(path, ENDINGS["csv"], split)[0]
    return list(dict.fromkeys([*_header(file, notation)[1], *partitions_of(file, path)]))


def read_csv(
    path: str,
    columns: list[str],
    memory: int,
    notation: Notation = PLAIN,
    *,
    split: str | None = "train",
) -> RawTable:
    """The named columns of a file, a folder or a pattern, as text without surrounding space.

    `split` is as for `find_files`. Empty values are missing. Raises `MtrainError` with the line, or
    the byte, at which it is not CSV, and for values that would take more than `memory` bytes.
    """
    files = find_files(path, ENDINGS["csv"], split)
    schema = pa.schema([(name, pa.string()) for name in columns])
    tables: list[pa.Table] = []
    n_bytes = 0
    for file in files:
        batches = []
        for batch, _ in _batches(file, columns, partitions_of(file, path), path, notation):
            n_bytes += batch.nbytes
            check_memory(n_bytes, memory, path)
            batches.append(batch)
        tables.append(pa.Table.from_batches(batches, schema))
    starts = [0, *accumulate(map(len, tables))]

    @cache
    def place(row: int) -> str:
        number = bisect_right(starts, row) - 1
        return _place(files[number], notation, 0, row - starts[number])

    read = _columns_of(pa.concat_tables(tables))
    return RawTable(read, typed=False, where=path, place=place, notation=notation)


def csv_pieces(
    path: str, columns: list[str], _rows: int, notation: Notation = PLAIN
) -> Iterator[RawTable]:
    """The named columns of all files at `path`, those of a block of bytes at a time.

    Otherwise it is as for `read_csv`.
    """
    files = find_files(path, ENDINGS["csv"], None)
    share = shares_read(files)
    for number, file in enumerate(files):
        done = 0
        for batch, read in _batches(file, columns, partitions_of(file, path), path, notation):
            yield RawTable(
                _columns_of(pa.Table.from_batches([batch])),
                typed=False,
                where=path,
                place=partial(_place, file, notation, done),
                notation=notation,
                read=share(number, read),
            )
            done += len(batch)


def _place(file: Path, notation: Notation, start: int, row: int) -> str:
    return f"{file}:{_line(file, start + row, notation)}"


def _columns_of(table: pa.Table) -> Mapping[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _batches(
    file: Path,
    columns: list[str],
    partition: Mapping[str, str | None],
    path: str,
    notation: Notation,
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The named columns, trimmed, some rows at a time, and the bytes that are read until then."""
    form = form_of(file)
    line, names = _header(file, notation)
    numbers: dict[str, str] = {}
    for number, name in enumerate(names):
        numbers.setdefault(name, str(number))  # several columns may have no name
    for name in columns:
        if name not in numbers and name not in partition:
            raise MtrainError(f"no column {name!r}, which other files of {path} have", where=file)
    if not check_bytes(file, form.delimiter) and (problem := _what_is_wrong(file, notation)):
        # To pyarrow all up to the next quote is one value, whatever lines it takes in.
        raise MtrainError(problem)
    there = [name for name in columns if name in numbers]
    schema = pa.schema([(name, pa.string()) for name in columns])
    places = [numbers[name] for name in there]
    try:
        for batch, read in _parsed(file, form.delimiter, line, len(names), places):
            values = dict(zip(there, _trimmed_columns(batch), strict=True))
            arrays = [
                values[name]
                if name in values
                else pa.repeat(pa.scalar(partition[name], pa.string()), len(batch))
                for name in columns
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema), read
    except pa.ArrowException as error:
        problem = _what_is_wrong(file, notation)
        # A file of names alone, without a line end, has no block, which is not an error.
        if problem or len(list(islice(_records(file), 2))) > 1:
            raise MtrainError(problem or f"{file}: not CSV: {error}") from error


def _parsed(
    file: Path, delimiter: str, skipped: int, n_columns: int, places: list[str]
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """The columns at these places, as text, and the bytes read; so many lines are skipped."""
    done = 0
    block = min(max(SMALL_BLOCK, n_columns * COLUMN_BLOCK), BLOCK)
    while True:
        try:
            with (
                open_bytes(file) as content,
                _open_parser(
                    blocks := _Blocks(content), delimiter, skipped, n_columns, places, block
                ) as reader,
            ):
                row = 0
                for number, batch in enumerate(reader):
                    if len(rest := batch.slice(max(done - row, 0))):
                        yield rest, blocks.ends[min(number, len(blocks.ends) - 1)]
                    row += len(batch)
                    done = max(done, row)
                return
        except pa.ArrowInvalid as error:
            if block == BLOCK or "straddling" not in str(error):
                raise
            block = BLOCK  # a row is longer than a small block


class _Blocks:
    """A file that remembers where each block ends: pyarrow gives a batch for each, and reads far ahead."""

    def __init__(self, opened: BinaryIO) -> None:
        self._opened = opened
        self.ends: list[int] = []

    def read(self, size: int) -> bytes:
        """As the file's method."""
        block = self._opened.read(size)
        self.ends.append(position(self._opened))
        return block

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)


def _open_parser(
    content: _Blocks, delimiter: str, skipped: int, n_columns: int, places: list[str], block: int
) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        pa.PythonFile(content, mode="r"),
        # Names are counted: in the file they may be empty, or have space around them.
        pyarrow.csv.ReadOptions(
            block_size=block,
            column_names=list(map(str, range(n_columns))),
            skip_rows_after_names=skipped,
        ),
        pyarrow.csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            # In a single column they are rows without a value.
            ignore_empty_lines=n_columns > 1,
        ),
        pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(places, pa.string()),
            include_columns=places,
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _trimmed_columns(batch: pa.RecordBatch) -> list[pa.Array]:
    """All at once: a call for each of very many columns takes longer than what it does."""
    if not batch.num_columns:
        return []
    whole, n = trimmed(pa.concat_arrays(batch.columns)), len(batch)
    return [whole.slice(k * n, n) for k in range(batch.num_columns)]


def _header(file: Path, notation: Notation) -> tuple[int, list[str]]:
    """The line that names the columns, and the names; without names the lines before the rows."""
    form = form_of(file)
    with open_bytes(file) as content:
        if len(content.readline(BLOCK)) == BLOCK:
            check_bytes(file, form.delimiter)
            raise _at(file, 1, f"{BLOCK:,} bytes or more; this is no line of a table")
    try:
        line, names = next(_records(file), (1, []))
    except UnicodeDecodeError:
        check_bytes(file, form.delimiter)
        raise
    except csv.Error as error:
        raise MtrainError(_problem(file, error)) from error
    if not names:
        raise MtrainError("is empty; the first line must name the columns", where=file)
    if any("\0" in name for name in names):
        check_bytes(file, form.delimiter)
    last = line + len(re.findall(LINE_END, " ".join(names)))
    if wrong := find_quote_problem(file, form.delimiter, lines=last):
        raise _at(file, wrong.line, f"column {wrong.column + 1}: {wrong.problem}")
    if not notation.header:
        return line - 1, [f"column_{number}" for number in range(1, len(names) + 1)]
    names = [name.strip() for name in names]
    seen: set[str] = set()
    for name in filter(None, names):
        if name in seen:
            hint = "dataset.header: false makes this line a row" if looks_like_data(file) else ""
            raise MtrainError(
                Problem(f"there are two columns {name!r}", str(file), line, remedy=hint)
            )
        seen.add(name)
    return line, names


def only_name(names: Iterable[str]) -> str | None:
    """The name in a first line with only one, such as a title; None: it has several."""
    named = [name for name in names if name]
    return named[0] if len(named) == 1 else None


def one_column(name: str) -> str:
    """The message if the first line has one name, and several are needed."""
    return (
        f"the first line names one column, {name!r:.60}; is it a title or a comment? The names stand in "
        "the first line; values are separated by commas, semicolons, tabs or vertical bars"
    )


def looks_like_data(file: Path) -> bool:
    """Whether the first line seems to be a row of data rather than the names of columns.

    That is, over columns of numbers all names are numbers as well, but do not just count them as
    years do; or, where no column is one of numbers, most names are values of their own columns.
    """
    try:
        lines = _records(file)
        _, names = next(lines)
        records = list(islice(lines, min(ROWS_LOOKED_AT, CELLS_LOOKED_AT // len(names))))
    except (csv.Error, StopIteration, UnicodeDecodeError):
        return False
    rows = [values for _, values in records]
    if rows.count(names) <= REPEATED * len(rows):  # names repeated between rows
        rows = [values for values in rows if values != names]
    if max(map(len, rows), default=0) < len(names):
        return False
    numbers: list[float] = []
    texts = told = 0
    for k, name in enumerate(map(str.strip, names)):
        values = {row[k].strip() for row in rows if k < len(row)} - NOTHING
        if not (values and all(map(_is_number, values))):
            texts += 1
            told += name in values
        elif _is_number(name):
            numbers.append(float(name.replace(",", ".")))
        elif name not in NOTHING:
            return False
    # As years or months do, whatever the step.
    counted = len({after - before for before, after in pairwise(numbers)}) <= 1
    if numbers and not (counted and all(number % 1 == 0 for number in numbers)):
        return True
    return told > texts / 2


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][-+]?[0-9]+)?", text) is not None


def _records(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its values: slow, but with positions.

    Quotes are as they are. Raises `csv.Error` that begins with the line.
    """
    form = form_of(file)
    with open_text(file) as content:
        reader = csv.reader(content, delimiter=form.delimiter)
        skipped = width = 0
        while True:
            line = reader.line_num + 1
            before = csv.field_size_limit(BLOCK)  # a limit of the whole process
            try:
                values = next(reader, None)
            except csv.Error as error:
                raise csv.Error(line, str(error)) from error
            finally:
                csv.field_size_limit(before)
            if values is None:
                return
            if values and skipped < form.skipped:
                skipped += 1
                continue
            width = width or len(values)
            if values or width == 1:
                yield line, values or [""]


def _line(file: Path, row: int, notation: Notation) -> int:
    records = enumerate(_records(file), -1 if notation.header else 0)
    return next(line for number, (line, _) in records if number == row)


def _what_is_wrong(file: Path, notation: Notation) -> Problem | None:
    """The first mistake in the file, with its line."""
    names = _header(file, notation)[1]
    wrong = find_quote_problem(file, form_of(file).delimiter)
    try:
        for line, values in _records(file):
            if wrong is not None and line >= wrong.line:
                break
            if len(values) != len(names):
                n_values = "1 value" if len(values) == 1 else f"{len(values)} values"
                columns = "column" if len(names) == 1 else "columns"
                has = f"names {len(names)} {columns}" if notation.header else f"has {len(names)}"
                return Problem(f"{n_values}; the first line {has}", str(file), line)
    except csv.Error as error:
        return _problem(file, error)
    if wrong is None:
        return None
    known = wrong.column < len(names) and names[wrong.column]
    column = repr(names[wrong.column]) if known else wrong.column + 1
    return Problem(f"column {column}: {wrong.problem}", str(file), wrong.line)


def _problem(file: Path, error: csv.Error) -> Problem:
    """The mistake in words; the error's arguments are its line, and what Python's reader says."""
    line, problem = error.args
    if "larger than field limit" in problem:
        problem = "a quote that is never closed"
    return Problem(problem, str(file), line)


def _at(file: Path, line: int, problem: str) -> MtrainError:
    return MtrainError(Problem(problem, str(file), line))
