"""Columns as read from a file: their kinds, and their wrong values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.notation import PLAIN, Notation, is_text
from mtrain.data.numbers import as_numbers, may_be_numbers, wrong_numbers
from mtrain.data.table import BOOLEANS, Values
from mtrain.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from mtrain.records.dataset import Kind

FIRST_PRINTED, LAST_ASCII = 0x21, 0x7E
"""The first and the last byte of ASCII that shows a sign."""


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns as they were read."""

    columns: Mapping[str, pa.ChunkedArray]
    typed: bool
    """Whether the file has the types of its columns; else all of them are text."""

    where: str
    """The file, folder or pattern that they were read from."""

    place: Callable[[int], str]
    """Gives the place of a row: file, and line or row."""

    notation: Notation = PLAIN
    """How the file writes names and values."""

    read: float = 1
    """The share of the bytes of all files that is read with these rows."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def without_missing(self, names: Iterable[str]) -> RawTable:
        """With null for what the notation calls missing in the columns of these names."""
        if not self.notation.missing:
            return self
        read = {name: self.notation.without_missing(self.columns[name]) for name in names}
        return replace(self, columns={**self.columns, **read})

    def part(self, start: int, rows: int) -> RawTable:
        """So many `rows` from `start`, or as many as there are."""
        if start == 0 and len(self) <= rows:
            return self
        columns = {name: column.slice(start, rows) for name, column in self.columns.items()}
        place = self.place
        return replace(self, columns=columns, place=lambda row: place(start + row))


def read_column(
    column: pa.ChunkedArray, kind: Kind | None, *, typed: bool, notation: Notation = PLAIN
) -> tuple[Values, NDArray[np.bool_]]:
    """A column's values, and which of them are wrong, shape (N,): no numbers, or too large ones.

    `kind` is the required kind; None: guessed from the values. If columns are not `typed`, a single
    number makes the column numeric: so a mistyped number is an error and not a category. A column
    without any value is numeric, too.
    """
    if kind == "number" or (kind is None and may_be_numbers(column.type, typed=typed)):
        numbers = as_numbers(column, notation)
        wrong = wrong_numbers(column, numbers)
        if is_text(column.type) and (meant := notation.missing_numbers):
            numbers = np.where(np.isin(numbers, meant), np.nan, numbers)
        if kind or not np.isnan(numbers).all() or not wrong.any():
            return Values("number", numbers), wrong
    texts = column if is_text(column.type) else pc.cast(column, pa.string())
    codes, categories = as_categories(texts)
    if kind is None:
        booleans = categories and {text.lower() for text in categories} <= BOOLEANS
        kind = "boolean" if booleans else "text"
    if kind == "boolean":
        codes, categories = as_categories(pc.utf8_lower(texts))
    return Values(kind, codes, categories), np.zeros(len(column), bool)


def as_categories(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """For each text its index among the sorted different texts, -1 if missing; and those texts."""
    encoded = pc.dictionary_encode(column).combine_chunks()  # one array holds 2 GB of text
    texts = encoded.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    places = np.empty(len(texts) + 1, np.int32)
    places[order], places[-1] = np.arange(len(texts)), -1
    codes = pc.fill_null(encoded.indices, -1).to_numpy()
    return places[codes], tuple(texts[index] for index in order)


def trimmed(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Without surrounding space; values that are then empty are missing."""
    if isinstance(texts, pa.Array) and not _has_space(texts):
        return texts
    texts = pc.utf8_trim_whitespace(texts)
    empty = pc.equal(texts, "")
    return pc.if_else(empty, None, texts) if pc.any(empty).as_py() else texts


def _has_space(texts: pa.Array) -> bool:
    """Whether a text may hold space, or be empty: by its bytes, which takes a tenth of a search."""
    if texts.null_count < len(texts) and pc.min(pc.binary_length(texts)).as_py() == 0:
        return True
    content = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    # Space of ASCII is below 33, other space is in letters beyond it.
    return bool(len(content)) and (content.min() < FIRST_PRINTED or content.max() > LAST_ASCII)


def has_codes(column: pa.ChunkedArray, values: Values) -> bool:
    """Whether numbers of a CSV begin with a 0 that they do not need, as postal codes may."""
    if values.kind != "number" or not is_text(column.type):
        return False
    return bool(pc.any(pc.match_substring_regex(column, "^0[0-9]+$")).as_py())


def complaint(table: RawTable, name: str, problem: str, rows: NDArray[np.bool_]) -> Problem:
    """The problem at the place of the first of `rows`, and the number of the others."""
    row, more = int(rows.argmax()), int(np.count_nonzero(rows)) - 1
    value = table.columns[name][row].as_py()
    text = repr(value) if isinstance(value, str) else "a value" if value is None else str(value)
    others = f"; likewise in {more:,} more row{'s' * (more > 1)}" if more else ""
    return Problem(f"column {name!r}: {text:.60} {problem}{others}", table.place(row))
