"""JSON Lines: an object a row."""

from __future__ import annotations

import gzip
import re
from codecs import BOM_UTF8
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import orjson

from mtrain.data.files import find_files, position, shares_read
from mtrain.data.notation import PLAIN, Notation
from mtrain.data.sources.rows import from_rows
from mtrain.errors import MtrainError
from mtrain.records.column_types import json_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from mtrain.data.columns import RawTable

JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

CONSTANT = re.compile(rb'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)')
"""Text, or what is not JSON, but Python's `json` and others write for undefined numbers."""

AS_IN_CSV = {b"NaN": b"null", b"Infinity": b'"Infinity"', b"-Infinity": b'"-Infinity"'}
"""The same in JSON: NaN is a missing value, and the others are not finite numbers."""

BEGUN = re.compile(rb"\s*(\[\s*(\{.*)?|\{)\s*", re.DOTALL)
"""A line with which an array of objects begins, or an object on several lines."""

ROWS_AT_ONCE = 20_000
"""As Python's objects, they take several times as much as in the file."""


def json_columns(path: str, _: Notation = PLAIN, *, split: str | None = None) -> list[str]:
    """The names of the columns that the first rows have; raises `MtrainError` as `json_pieces`."""
    file = find_files(path, JSON_LINES, split)[0]
    first = next((rows for rows, _ in _pieces(file, ROWS_AT_ONCE)), [])
    return list(dict.fromkeys(chain.from_iterable(row for _, row in first)))


def json_pieces(
    path: str,
    columns: list[str],
    rows: int,
    notation: Notation = PLAIN,
    *,
    as_is: Collection[str] = (),
) -> Iterator[RawTable]:
    """The named columns of all files at `path`, at most so many rows at a time.

    A row that lacks a column has a missing value there. Those that are to be `as_is` may have objects and
    lists, which are text: of one type they would have keys that only other rows have. Raises `MtrainError` with the line that is no
    object in JSON.
    """
    files = find_files(path, JSON_LINES, None)
    share = shares_read(files)
    for place, file in enumerate(files):
        for piece, read in _pieces(file, min(rows, ROWS_AT_ONCE)):
            lines = [f"{file}:{line}" for line, _ in piece]
            values = {name: [row.get(name) for _, row in piece] for name in columns}
            for name in as_is:
                if any(isinstance(value, dict | list) for value in values[name]):
                    values[name] = [None if v is None else _as_text(v) for v in values[name]]
            table = from_rows(
                values,
                columns,
                notation,
                path,
                lines.__getitem__,
                # Or a number as JSON writes it would be read as another.
                as_text=_as_text if notation.is_plain else None,
            )
            yield replace(table, read=share(place, read))


def _pieces(file: Path, rows: int) -> Iterator[tuple[list[tuple[int, dict[str, Any]]], int]]:
    """The number and the content of each line that has one, so many at a time, and the bytes read."""
    with _opened(file) as stream:
        each = (
            (number, _row(line, f"{file}:{number}"))
            for number, line in enumerate(_without_mark(stream), 1)
            if line.strip()
        )
        try:
            while piece := list(islice(each, rows)):
                yield piece, position(stream)
        except (OSError, EOFError) as error:
            raise MtrainError(f"cannot be read: {error}", where=file) from error


def _without_mark(stream: BinaryIO) -> Iterator[bytes]:
    """The lines, the first without the mark of UTF-8 that programs of Windows write."""
    for first in islice(stream, 1):
        yield first.removeprefix(BOM_UTF8)
    yield from stream


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json_of(value)


def _opened(file: Path) -> BinaryIO:
    try:
        return (
            cast("BinaryIO", gzip.open(file)) if file.suffix.lower() == ".gz" else file.open("rb")
        )
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=file) from error


def _row(line: bytes, where: str) -> dict[str, Any]:
    if BEGUN.fullmatch(line):
        what = "an array" if line.lstrip().startswith(b"[") else "an object on several lines"
        remedy = "in JSON Lines each row is an object on a line of its own; `jq -c '.[]'` makes them of an array"
        raise MtrainError(f"must be JSON Lines, got {what}", where=where, remedy=remedy)
    try:
        row = _parsed(line.rstrip())
    except orjson.JSONDecodeError as error:
        problem = f"not JSON: {error.msg}, at character {error.pos + 1}"
        raise MtrainError(problem, where=where) from error
    if not isinstance(row, dict):
        raise MtrainError('must be an object, as {"width": 1.5}', where=where)
    return {name.strip(): value for name, value in row.items()}


def _parsed(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        if b"NaN" not in line and b"Infinity" not in line:
            raise
        return orjson.loads(CONSTANT.sub(lambda found: AS_IN_CSV.get(found[0], found[0]), line))
