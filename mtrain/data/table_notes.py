"""Notes on how a table was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.config.experiment.table import CsvConfig
from mtrain.data.files import split_in
from mtrain.data.missing_words import USUAL
from mtrain.data.numbers import as_numbers
from mtrain.data.sources import csv
from mtrain.data.table import LARGEST_EXACT, some_at_once
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtrain.config.experiment.table import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.data.table import Table
    from mtrain.records.dataset import Encoding

SAMPLE = 1_000
"""Rows that are examined first."""

MOST_SPLITS = 6
"""Values of a column that gives the split of a row, such as `Training`, `PublicTest`,
`PrivateTest`."""

FEW = 3
"""Numbers with and without a point that a column has at least if its points are doubtful."""


def header_notes(config: TableConfig) -> Iterator[Note]:
    """A note if the names of the columns look like a row."""
    if isinstance(config, CsvConfig) and config.header:
        file = csv.csv_file(config.path)
        if csv.looks_like_data(file):
            text = f"{file}: the first line looks like data; dataset.header: false makes it a row"
            yield Note("no-header", text)


def reading_notes(
    tables: Mapping[str, RawTable], features: Mapping[str, Table], encoding: Encoding | None
) -> Iterator[Note]:
    """Notes on the columns of each split; `encoding` is a training's, None: this is training data."""
    yield from _merged_notes(tables, features)
    if encoding is not None:
        yield from misread_notes(tables["train"], encoding)
        return
    yield from _thousands_notes(tables["train"], features["train"])
    yield from _split_notes(features["train"])


def _split_notes(features: Table) -> Iterator[Note]:
    """A note for each column that gives the split of each row."""
    for name, column in features.columns.items():
        if column.kind != "text" or not 2 <= len(column.categories) <= MOST_SPLITS:
            continue
        said = {split_in(category) for category in column.categories}
        if None not in said and len(said) > 1:
            text = (
                f"column {name!r} seems to name the split of each row "
                f"({', '.join(column.categories)}), but mtrain draws splits anew and would learn from the "
                "column: write each split to a separate file, and list the column in dataset.exclude"
            )
            yield Note("split-column", text)


def _merged_notes(tables: Mapping[str, RawTable], features: Mapping[str, Table]) -> Iterator[Note]:
    """A note for each column of whole numbers so large that different ones become one."""
    said = set()
    for split, table in tables.items():
        for name, column in features[split].columns.items():
            if column.kind != "number" or name in said:
                continue
            if not (is_large := np.abs(column.values) >= LARGEST_EXACT).any():
                continue
            there = pc.count_distinct(table.columns[name].filter(pa.array(is_large))).as_py()
            left = len(np.unique(column.values[is_large]))
            if left < there:
                said.add(name)
                text = (
                    f"{table.where}: column {name!r}: {there:,} different values beyond 2^53 become "
                    f"{left:,}: a float64 does not tell such whole numbers apart; dataset.categorical "
                    "is for codes"
                )
                yield Note("merged-numbers", text)


def _thousands_notes(table: RawTable, features: Table) -> Iterator[Note]:
    """A note for each column of a CSV whose decimal points may be thousands separators."""
    if table.typed or table.notation.thousands is not None:
        return
    point = table.notation.decimal
    other = "," if point == "." else "."
    numbers = [name for name, column in features.columns.items() if column.kind == "number"]
    doubted: list[str] = []
    # Of very many columns some at a time: the first rows of nearly all tables show what a point is.
    for names in some_at_once(numbers, SAMPLE):
        first = [chunk for name in names for chunk in table.columns[name][:SAMPLE].chunks]
        texts = pa.chunked_array(first, pa.string())
        decimals = rf"\{point}([0-9]{{1,2}}|[0-9]{{4,}})$"
        if pc.any(pc.match_substring_regex(texts, decimals)).as_py():
            return
        if pc.any(pc.match_substring(texts, point)).as_py():
            doubted += names
    for name in doubted:
        texts = table.columns[name]
        if _has_thousands(texts[:SAMPLE], point) and _has_thousands(texts, point):
            example = next(text for text in texts.to_pylist() if text and point in text)
            text = (
                f"{table.where}: column {name!r}: does {example} mean {example.replace(point, '')}? All "
                f"numbers with {point!r} have three digits behind it; if so, set dataset.thousands: "
                f"{point!r} and dataset.decimal: {other!r}"
            )
            yield Note("thousands", text)


def misread_notes(table: RawTable, encoding: Encoding) -> Iterator[Note]:
    """A note for each column of a CSV that is nearer to training if its points separate thousands.

    That is, whose numbers with a point all have three digits behind it, and would be less far from the
    mean of the training without it.
    """
    if table.typed or not encoding.mean:
        return
    point, at = table.notation.decimal, 0
    for column in encoding.columns:
        if column.kind == "number":
            texts = _numbers_in(table.columns[column.name][:SAMPLE])
            grouped, short = _grouped(texts, point)
            grouped_texts = texts.filter(grouped)
            if len(grouped_texts) and pc.all(pc.or_(grouped, short)).as_py():
                numbers = as_numbers(grouped_texts, table.notation)
                far, near = (np.abs(x - encoding.mean[at]) for x in (numbers, 1000 * numbers))
                if np.median(near) < np.median(far):
                    example = grouped_texts[0].as_py()
                    text = (
                        f"{table.where}: column {column.name!r}: is {example} the number "
                        f"{example.replace(point, '')}? That would be nearer to the training; "
                        f"numbers are written as in {table.notation.example}"
                    )
                    yield Note("thousands", text)
        at += column.width


def _has_thousands(texts: pa.ChunkedArray, point: str) -> bool:
    """Whether all have three digits behind a point, or at most three digits and none; some each."""
    texts = _numbers_in(texts)
    counts = [pc.sum(mask).as_py() or 0 for mask in _grouped(texts, point)]
    return sum(counts) == len(texts) and min(counts) >= FEW


def _numbers_in(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts that do not mean a missing value."""
    return texts.filter(pc.invert(pc.is_in(texts, pa.array([*USUAL, None], pa.string()))))


def _grouped(texts: pa.ChunkedArray, point: str) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Which have three digits behind a point, and which at most three digits and no point."""
    return (
        pc.match_substring_regex(texts, rf"^[-+]?[1-9][0-9]{{0,2}}\{point}[0-9]{{3}}$"),
        pc.match_substring_regex(texts, "^[-+]?[0-9]{1,3}$"),
    )
