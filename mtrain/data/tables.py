"""CSV and Parquet: from columns to features, labels and weights, or to what is wrong with them."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.config.endings import ENDINGS
from mtrain.config.names import suggestion
from mtrain.config.sources import CsvConfig
from mtrain.data import csv, parquet
from mtrain.data.columns import complaint, read_column
from mtrain.data.files import find_splits
from mtrain.data.labels import class_indices, look_alikes
from mtrain.data.missing_labels import missing_label_notes, without_missing_labels
from mtrain.data.notation import guess_notation, notation_of
from mtrain.data.source import Rows, Source, refuse_second_split
from mtrain.data.table import LARGEST_EXACT, NUMBER, Table
from mtrain.errors import MtrainError, SettingError
from mtrain.records import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.config.sources import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.records import Encoding, Floats, Ints

COLUMNS = {"csv": csv.csv_columns, "parquet": parquet.parquet_columns}
TEXT = "of a column that is meant to have text, name it in dataset.categorical"

SAMPLE = 1_000
"""Rows that are looked at first."""

FEW = 3
"""Numbers with and without a point that a column has at least if its points are doubtful."""

MOST_COLUMNS = 10
"""Of which something is said."""

NOT_A_NUMBER = "is not a finite number, "

SLIPS = 0.1
"""Share of a column that is no number up to which the rest are meant to be."""

READERS = {"csv": csv.read_csv, "parquet": parquet.read_parquet}
PIECES = {"csv": csv.csv_pieces, "parquet": parquet.parquet_pieces}


def read_table(config: TableConfig, *, memory: int, encoding: Encoding | None) -> Source:
    """The table at `config.path` and, where it has a file of its own, its test split.

    Columns are of the kinds that `encoding` says; None: of what their values look like. Raises
    `SettingError` for columns that are not there, `MtrainError` for values that are not what they
    must be, each with its place, and for more than `memory` bytes of values.
    """
    features = _features(config, encoding)
    others = [config.target, *([] if config.weights is None else [config.weights])]
    read, notation = READERS[config.name], notation_of(config)
    raw = {
        split: read(path, [*features, *others], memory, notation, split=part)
        for split, (path, part) in _places(config, features + others).items()
    }

    for split, table in raw.items():
        _check_rows(len(table), table, split)
    notes = list(reading_notes(config))
    raw = without_missing_labels(raw, config.target, config.classes)
    classes, codes = class_indices(raw, config.target, config.classes)
    kinds: Mapping[str, str | None] = dict.fromkeys(features)
    if encoding is not None:
        kinds = {column.name: column.kind for column in encoding.columns}
    elif config.categorical:
        kinds = {**kinds, **dict.fromkeys(config.categorical, "text")}
    if config.classes is None:
        notes += missing_label_notes(classes)
    alike = look_alikes(classes, f"{config.path}: labels")
    notes += [Note("look-alike-labels", line) for line in alike]
    rows = {}
    for split, table in raw.items():
        values = read_features(table, kinds)
        kinds = {name: column.kind for name, column in values.columns.items()}
        notes += _merged(table, values)
        if encoding is None:
            notes += _thousands(table, values)
        weights = None if config.weights is None else _weights(table, config.weights)
        labelled = codes[split] >= 0
        if unlabelled := int(np.count_nonzero(~labelled)):
            notes.append(_left_out(table, unlabelled, "unlabelled-rows", "without a label"))
        remedy = "training had no row without it"
        if encoding is None:
            remedy = "dataset.missing says what to do"
        complete = _complete_rows(values, labelled, weights, table, config, remedy)
        read_rows = Rows(values, codes[split], np.arange(len(table)), weights, place=table.place)
        rows[split] = read_rows.take(complete) if len(complete) < len(table) else read_rows
        if incomplete := len(table) - unlabelled - len(complete):
            notes.append(_left_out(table, incomplete, "incomplete-rows", "which miss values"))
        _check_rows(len(complete), table, split)
    return Source(
        rows["training"],
        rows.get("validation"),
        rows.get("test"),
        classes,
        largest=None,
        where=config.path,
        notes=tuple(notes),
    )


def _merged(table: RawTable, values: Table) -> Iterator[Note]:
    """Columns of whole numbers so large that different ones become one."""
    for name, column in values.columns.items():
        if column.kind != "number" or not (np.abs(column.values) >= LARGEST_EXACT).any():
            continue
        there = pc.count_distinct(table.columns[name], mode="only_valid").as_py()
        left = len(np.unique(column.values[~column.missing]))
        if left < there:
            text = (
                f"{table.where}: column {name!r}: {there:,} different values become {left:,}: beyond "
                "2^53 a float64 does not tell whole numbers apart; dataset.categorical is for codes"
            )
            yield Note("merged-numbers", text)


def _thousands(table: RawTable, values: Table) -> Iterator[Note]:
    """Columns of a CSV whose decimal points may rather stand between thousands."""
    if table.typed or table.notation.thousands is not None:
        return
    point = table.notation.decimal
    other = "," if point == "." else "."
    numbers = [name for name, column in values.columns.items() if column.kind == "number"]
    # The first rows of nearly all tables show what a point is.
    first = [chunk for name in numbers for chunk in table.columns[name][:SAMPLE].chunks]
    decimals = rf"\{point}([0-9]{{1,2}}|[0-9]{{4,}})$"
    if first and pc.any(pc.match_substring_regex(pa.chunked_array(first), decimals)).as_py():
        return
    for name in numbers:
        texts = pc.drop_null(table.columns[name])
        if _has_thousands(texts[:SAMPLE], point) and _has_thousands(texts, point):
            example = next(text for text in texts.to_pylist() if point in text)
            text = (
                f"{table.where}: column {name!r}: is {example} the number "
                f"{example.replace(point, '')}? All numbers with {point!r} have three digits behind "
                f"it; dataset.thousands: {point!r} with dataset.decimal: {other!r} reads it so"
            )
            yield Note("thousands", text)


def _has_thousands(texts: pa.ChunkedArray, point: str) -> bool:
    """Whether all have three digits behind a point, or at most three digits and none; some each."""
    grouped = pc.match_substring_regex(texts, rf"^[-+]?[1-9][0-9]{{0,2}}\{point}[0-9]{{3}}$")
    short = pc.match_substring_regex(texts, "^[-+]?[0-9]{1,3}$")
    counts = [pc.sum(some).as_py() or 0 for some in (grouped, short)]
    return sum(counts) == len(texts) and min(counts) >= FEW


def _places(config: TableConfig, columns: list[str]) -> dict[str, tuple[str, str]]:
    """Where the rows of each split are: a path, and which split of it if it is a folder of splits.

    Raises `SettingError` where a split is there twice, `MtrainError` where one lacks a column.
    """
    brought = find_splits(config.path, ENDINGS[config.name])
    places = {"training": (config.path, "train")}
    for split, name in (("validation", "val"), ("test", "test")):
        path = config.val_path if name == "val" else config.test_path
        if path is None:
            if name in brought:
                places[split] = (config.path, name)
            continue
        refuse_second_split(name, brought, config.path)
        there = COLUMNS[config.name](path, notation_of(config), split=name)
        check_columns(path, there, columns)
        places[split] = (path, name)
    return places


def read_features(
    table: RawTable, kinds: Mapping[str, str | None], *, remedy: str | None = TEXT
) -> Table:
    """The columns of these names and kinds; None: of what their values look like.

    Raises `MtrainError` with a line for each column with values that are no numbers among numbers,
    how numbers are written, and the `remedy`.
    """
    columns, wrong = {}, {}
    for name, kind in kinds.items():
        columns[name], wrong[name] = read_column(
            table.columns[name], kind, typed=table.typed, notation=table.notation
        )
    if problems := _complaints(table, wrong, partial(_why_no_number, table, wrong)):
        remedies = []
        if any(NOT_A_NUMBER in line for line in problems):
            written = f"numbers are written as in {table.notation.example}"
            remedies = (
                [written] if remedy is None else [f"{written}; {remedy}", *_hints(table, wrong)]
            )
        raise MtrainError("\n".join([*problems, *remedies]))
    return Table(columns)


def _hints(table: RawTable, wrong: Mapping[str, NDArray[np.bool_]]) -> Iterator[str]:
    """Settings by which columns of a CSV with many wrong values would be numbers."""
    for name, rows in wrong.items():
        if table.typed or np.count_nonzero(rows) <= max(1, SLIPS * len(rows)):
            continue
        notation = guess_notation({name: table.columns[name]})
        if notation.settings:
            shown = [f"dataset.{key}: {value!r}" for key, value in notation.settings.items()]
            yield f"{table.where}: column {name!r} is of numbers with {' and '.join(shown)}"
            return  # others will be of the same kind


def _why_no_number(
    table: RawTable, wrong: Mapping[str, NDArray[np.bool_]], name: str, row: int
) -> str:
    value = table.columns[name][row].as_py()
    pattern = NUMBER if table.notation.is_plain else table.notation.pattern
    is_number = re.match(pattern, value) if isinstance(value, str) else math.isfinite(value)
    if is_number:
        return (
            "is beyond float32, whose largest number is 3.4e+38; scale the column, or leave it out"
        )
    if wrong[name].all():
        return f"{NOT_A_NUMBER}as in training"
    return f"{NOT_A_NUMBER}but the rest of the column is numeric"


def _complaints(
    table: RawTable,
    wrong: Mapping[str, NDArray[np.bool_]],
    problem: str | Callable[[str, int], str],
) -> list[str]:
    """A line for each column with rows that are wrong, of the first few such columns.

    `problem` is what to say, or says it of a column's first such row.
    """
    names = [name for name, rows in wrong.items() if rows.any()]
    lines = []
    for name in names[:MOST_COLUMNS]:
        rows = wrong[name]
        said = problem if isinstance(problem, str) else problem(name, int(rows.argmax()))
        lines.append(complaint(table, name, said, rows))
    if len(names) > MOST_COLUMNS:
        lines.append(f"{table.where}: {len(names) - MOST_COLUMNS:,} more columns as well")
    return lines


def reading_notes(config: TableConfig) -> Iterator[Note]:
    """What is odd about how the file is read."""
    if isinstance(config, CsvConfig) and config.header:
        file = csv.csv_file(config.path)
        if csv.looks_like_data(file):
            text = f"{file}: the first line looks like data; dataset.header: false makes it a row"
            yield Note("no-header", text)


def _left_out(table: RawTable, rows: int, kind: str, why: str) -> Note:
    return Note(kind, f"{table.where}: {rows:,} row{'s' * (rows > 1)} left out, {why}")


def _check_rows(rows: int, table: RawTable, split: str) -> None:
    if not rows:
        raise MtrainError(f"{table.where}: there is no row for the {split} split")


def _complete_rows(
    features: Table,
    labelled: NDArray[np.bool_],
    weights: Floats | None,
    table: RawTable,
    config: TableConfig,
    remedy: str,
) -> Ints:
    """The positions of labelled rows; if those that miss a value are to be dropped, of the others.

    Raises `MtrainError` with a line for each column that misses values of them and must not.
    """
    missing = {name: column.missing & labelled for name, column in features.columns.items()}
    needed = {}
    if config.weights is not None and weights is not None:
        needed[config.weights] = np.isnan(weights) & labelled
    if config.missing == "drop":
        gaps = np.logical_or.reduce([*missing.values(), *needed.values()])
        return np.flatnonzero(labelled & ~gaps)
    problems = _complaints(table, needed, "is missing")
    if config.missing is None:
        problems += _complaints(table, missing, f"is missing; {remedy}")
    if problems:
        raise MtrainError("\n".join(problems))
    return np.flatnonzero(labelled)


def _features(config: TableConfig, encoding: Encoding | None) -> list[str]:
    """The names of the columns of features, all of which are there."""
    there = COLUMNS[config.name](config.path, notation_of(config))
    if encoding is not None:
        wanted = [column.name for column in encoding.columns]
        others = [config.target, *([] if config.weights is None else [config.weights])]
        check_columns(config.path, there, wanted + others)
        return wanted
    named = {
        "target": [config.target],
        "weights": [] if config.weights is None else [config.weights],
        "features": config.features or (),
        "exclude": config.exclude,
        "categorical": config.categorical,
    }
    known = set(there)
    problems = [
        (("dataset", key), f"{config.path} has no column {name!r}; {suggestion(name, there)}")
        for key, names in named.items()
        for name in names
        if name not in known
    ]
    if problems:
        raise SettingError(*problems)
    if config.features is not None:
        return list(config.features)
    no_features = {config.target, config.weights, *config.exclude}
    features = [name for name in there if name not in no_features]
    if "" in features:
        raise MtrainError(
            f"{config.path}: column {there.index('') + 1} has no name; name it, or leave it "
            'out: dataset.exclude: [""]'
        )
    if not features:
        raise MtrainError(f"{config.path}: there is no column but {config.target!r} to learn from")
    return features


def check_columns(path: str, there: list[str], wanted: Iterable[str]) -> None:
    """Raise `MtrainError` where one of the columns that are `wanted` is not `there`."""
    needed, known = dict.fromkeys(wanted), set(there)
    for name in needed:
        if name not in known:
            others = [other for other in there if other not in needed]
            hint = f"; {suggestion(name, others)}" if others else ""
            raise MtrainError(f"{path}: no column {name!r}{hint}")


def _weights(table: RawTable, column: str) -> Floats:
    """One a row, NaN where it is missing."""
    values, wrong = read_column(
        table.columns[column], "number", typed=table.typed, notation=table.notation
    )
    if (wrong | (values.values < 0)).any():
        problem = "is no weight; a weight is a number from 0"
        raise MtrainError(complaint(table, column, problem, wrong | (values.values < 0)))
    if not np.nansum(values.values):
        raise MtrainError(f"{table.where}: column {column!r}: all weights are 0")
    weights: Floats = values.values
    return weights
