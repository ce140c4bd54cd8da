"""CSV and Parquet: from columns to features, labels and weights, or to what is wrong with them."""

from __future__ import annotations

import math
import re
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from mtrain.config.names import suggestion
from mtrain.data import csv, parquet
from mtrain.data.columns import complaint, read_column
from mtrain.data.files import find_splits
from mtrain.data.labels import class_indices, look_alikes
from mtrain.data.source import Rows, Source, refuse_second_split
from mtrain.data.table import NUMBER, Table
from mtrain.errors import MtrainError, SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.config.sources import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.records import Encoding, Floats, Ints

ENDINGS = {"csv": csv.ENDINGS, "parquet": parquet.ENDINGS}
COLUMNS = {"csv": csv.csv_columns, "parquet": parquet.parquet_columns}
NUMBERS = (
    "numbers are written as in 1234.5 or 1e-3; of a column that is meant to have text, name it in "
    "dataset.categorical"
)

LARGEST_EXACT = 2.0**53
"""From which not each whole number is a float64."""

MOST_COLUMNS = 10
"""Of which something is said."""

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
    read = READERS[config.name]
    raw = {
        split: read(path, [*features, *others], memory, split=part)
        for split, (path, part) in _places(config, features + others).items()
    }

    for split, table in raw.items():
        _check_rows(len(table), table, split)
    classes, codes = class_indices(raw, config.target, config.classes)
    kinds: Mapping[str, str | None] = dict.fromkeys(features)
    if encoding is not None:
        kinds = {column.name: column.kind for column in encoding.columns}
    elif config.categorical:
        kinds = {**kinds, **dict.fromkeys(config.categorical, "text")}
    rows, notes = {}, [*look_alikes(classes, f"{config.path}: labels")]
    for split, table in raw.items():
        values = read_features(table, kinds)
        kinds = {name: column.kind for name, column in values.columns.items()}
        notes += _merged(table, values)
        weights = None if config.weights is None else _weights(table, config.weights)
        complete = _complete_rows(values, codes[split], weights, table, config)
        read_rows = Rows(values, codes[split], np.arange(len(table)), weights, place=table.place)
        rows[split] = read_rows.take(complete) if len(complete) < len(table) else read_rows
        if left_out := len(table) - len(complete):
            notes.append(f"{table.where}: {left_out:,} rows left out, which miss values")
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


def _merged(table: RawTable, values: Table) -> Iterator[str]:
    """Columns of whole numbers so large that different ones become one."""
    for name, column in values.columns.items():
        if column.kind != "number" or not (np.abs(column.values) >= LARGEST_EXACT).any():
            continue
        there = pc.count_distinct(table.columns[name], mode="only_valid").as_py()
        left = len(np.unique(column.values[~column.missing]))
        if left < there:
            yield (
                f"{table.where}: column {name!r}: {there:,} different values become {left:,}: beyond "
                "2^53 a float64 does not tell whole numbers apart; dataset.categorical is for codes"
            )


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
        check_columns(path, COLUMNS[config.name](path, split=name), columns)
        places[split] = (path, name)
    return places


def read_features(
    table: RawTable, kinds: Mapping[str, str | None], *, remedy: str | None = NUMBERS
) -> Table:
    """The columns of these names and kinds; None: of what their values look like.

    Raises `MtrainError` with a line for each column with values that are no numbers among numbers,
    and the `remedy`.
    """
    columns, wrong = {}, {}
    for name, kind in kinds.items():
        columns[name], wrong[name] = read_column(table.columns[name], kind, typed=table.typed)
    if problems := _complaints(table, wrong, partial(_why_no_number, table)):
        is_text = any("no finite number" in line for line in problems)
        remedies = [] if remedy is None or not is_text else [remedy]
        raise MtrainError("\n".join([*problems, *remedies]))
    return Table(columns)


def _why_no_number(table: RawTable, name: str, row: int) -> str:
    value = table.columns[name][row].as_py()
    is_number = re.match(NUMBER, value) if isinstance(value, str) else math.isfinite(value)
    if is_number:
        return (
            "is beyond float32, whose largest number is 3.4e+38; scale the column, or leave it out"
        )
    return "is no finite number, as others of this column are"


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


def _check_rows(rows: int, table: RawTable, split: str) -> None:
    if not rows:
        raise MtrainError(f"{table.where}: there is no row for the {split} split")


def _complete_rows(
    features: Table,
    labels: NDArray[np.int32],
    weights: Floats | None,
    table: RawTable,
    config: TableConfig,
) -> Ints:
    """The positions of all rows, or of those that miss no value, if the others are to be dropped.

    Raises `MtrainError` with a line for each column that misses values and must not.
    """
    missing = {name: column.missing for name, column in features.columns.items()}
    needed = {config.target: labels < 0}
    if config.weights is not None and weights is not None:
        needed[config.weights] = np.isnan(weights)
    if config.missing == "drop":
        return np.flatnonzero(~np.logical_or.reduce([*missing.values(), *needed.values()]))
    problems = _complaints(table, needed, "is missing")
    if config.missing is None:
        problems += _complaints(table, missing, "is missing; dataset.missing says what to do")
    if problems:
        raise MtrainError("\n".join(problems))
    return np.arange(len(table))


def _features(config: TableConfig, encoding: Encoding | None) -> list[str]:
    """The names of the columns of features, all of which are there."""
    there = COLUMNS[config.name](config.path)
    if encoding is not None:
        wanted = [column.name for column in encoding.columns]
        others = [config.target, *([] if config.weights is None else [config.weights])]
        check_columns(config.path, there, wanted + others)
        return wanted
    named = {
        "target": [config.target],
        "weights": [] if config.weights is None else [config.weights],
        "features": config.features or (),
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
    features = [name for name in there if name not in {config.target, config.weights}]
    if "" in features:
        raise MtrainError(
            f"{config.path}: column {there.index('') + 1} has no name; name it, or name the "
            "columns to learn from in dataset.features"
        )
    if not features:
        raise MtrainError(f"{config.path}: there is no column but {config.target!r} to learn from")
    return features


def check_columns(path: str, there: list[str], wanted: Iterable[str]) -> None:
    """Raise `MtrainError` where one of the columns that are `wanted` is not `there`."""
    known = set(there)
    for name in wanted:
        if name not in known:
            raise MtrainError(f"{path}: no column {name!r}; {suggestion(name, there)}")


def _weights(table: RawTable, column: str) -> Floats:
    """One a row, NaN where it is missing."""
    values, wrong = read_column(table.columns[column], "number", typed=table.typed)
    if (wrong | (values.values < 0)).any():
        problem = "is no weight; a weight is a number from 0"
        raise MtrainError(complaint(table, column, problem, wrong | (values.values < 0)))
    if not np.nansum(values.values):
        raise MtrainError(f"{table.where}: column {column!r}: all weights are 0")
    weights: Floats = values.values
    return weights
