"""CSV and Parquet: from columns to features, labels and weights, or to their problems."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.catalog.endings import ENDINGS
from mtrain.config.catalog.names import choose, nearest, suggestion
from mtrain.data.columns import complaint, read_column
from mtrain.data.dates import (
    NO_DATE,
    column_of,
    learned_names,
    names_of_parts,
    read_names,
    with_parts,
)
from mtrain.data.features import MISSING_SINCE, complaints, read_features
from mtrain.data.files import find_splits
from mtrain.data.groups import coded_groups, number_groups
from mtrain.data.labels import class_indices
from mtrain.data.missing_labels import (
    marked_label_notes,
    missing_label_notes,
    without_missing_labels,
)
from mtrain.data.notation import notation_of
from mtrain.data.source import Rows, Source, refuse_second_split
from mtrain.data.sources import csv, parquet
from mtrain.data.table_notes import header_notes, reading_notes
from mtrain.data.times import read_times
from mtrain.errors import MtrainError, SettingError, UsageError
from mtrain.keywords import option
from mtrain.records.dataset import SPLITS, Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from numpy.typing import NDArray

    from mtrain.config.experiment.table import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.data.source import Request
    from mtrain.data.table import Table
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.dataset import Encoding, Kind

MISSING = "dataset.missing says what to do"

COLUMNS = {"csv": csv.csv_columns, "parquet": parquet.parquet_columns}
READERS = {"csv": csv.read_csv, "parquet": parquet.read_parquet}


def read(config: TableConfig, request: Request) -> Source:
    """The table at `config.path` and, if it is in another file, its test split.

    The request's encoding gives the kinds of columns, else their values do. Raises `SettingError`
    for missing columns, `MtrainError` for invalid values, each with its place, and for more than
    `memory` bytes of values.
    """
    encoding = request.encoding
    names = _features(config, encoding)
    time = _time(config, request)
    raw = _read_columns(config, names, time, request.memory)

    is_learned = encoding is None
    for split, table in raw.items():
        _check_rows(len(table), table, split if is_learned else None)
    raw = {split: _with_parts(table, config.dates) for split, table in raw.items()}
    learned = learned_names(raw["train"], names, config.dates)
    notes = list(header_notes(config))
    notes += marked_label_notes(raw, config.target, config.classes)
    blank = {split: table.columns[config.target].null_count for split, table in raw.items()}
    raw = without_missing_labels(raw, config.target, config.classes)
    classes, codes, is_counted = class_indices(raw, config.target, config.classes)
    kinds: Mapping[str, Kind | None] = dict.fromkeys(learned)
    if encoding is not None:
        kinds = {column.name: column.kind for column in encoding.columns}
    elif config.categorical:
        kinds = {**kinds, **dict.fromkeys(config.categorical, "text")}
    if config.classes is None:
        notes += missing_label_notes(classes)
    remedy = MISSING if is_learned else MISSING_SINCE
    groups = _groups(raw, config.groups)
    times = {} if time is None else {"train": _times(raw["train"], time)}
    features, rows = {}, {}
    for split, table in raw.items():
        values = read_features(table, kinds, are_learned=is_learned)
        kinds = {name: column.kind for name, column in values.columns.items()}
        features[split] = values
        weights = None if config.weights is None else _weights(table, config.weights)
        labelled = codes[split] >= 0
        if unlabelled := int(np.count_nonzero(~labelled)):
            why = "without a label"
            if config.classes is not None and unlabelled > blank[split]:
                why += "; NA and the like are labels only if dataset.classes lists them"
            notes.append(_left_out(table, unlabelled, "unlabelled-rows", why))
        belonging = {config.groups: groups.get(split), time: times.get(split)}
        missing = _missing(config, weights, belonging)
        complete = _complete_rows(values, labelled, missing, table, config, remedy)
        read_rows = Rows(
            values,
            codes[split],
            np.arange(len(table)),
            weights,
            groups=groups.get(split),
            times=times.get(split),
            place=table.place,
        )
        rows[split] = read_rows.take(complete) if len(complete) < len(table) else read_rows
        if incomplete := len(table) - unlabelled - len(complete):
            notes.append(_left_out(table, incomplete, "incomplete-rows", "with missing values"))
        _check_rows(len(complete), table, split if is_learned else None)
    notes += reading_notes(raw, features, encoding)
    return Source(
        rows["train"],
        rows.get("val"),
        rows.get("test"),
        classes,
        largest=None,
        where=config.path,
        notes=tuple(notes),
        index=tuple(parquet.pandas_index(config.path)) if config.name == "parquet" else (),
        is_counted=is_counted,
    )


def _read_columns(
    config: TableConfig, names: list[str], time: str | None, memory: int
) -> dict[str, RawTable]:
    """By split the features `names`, and the other columns that the config names, as they are.

    Of the training rows also their `time`: no other rows are split by it.
    """
    needed = [name for name in (config.weights, config.groups) if name is not None]
    others = [name for name in (config.target, *needed) if name not in names]
    read, notation = READERS[config.name], notation_of(config)
    if config.name == "parquet":
        times = {*config.dates, *([] if time is None or time in names else [time])}
        read = partial(parquet.read_parquet, times=times)
    raw = {}
    for split, path in _places(config, names + others).items():
        timed = [time] if time is not None and split == "train" else []
        columns = list(dict.fromkeys([*names, *others, *timed]))
        table = read(path, columns, memory, notation, split=split)
        raw[split] = table.without_missing(dict.fromkeys([*names, *needed, *timed]))
    return raw


def read_by(config: TableConfig, column: str, split: str, memory: int) -> RawTable:
    """A column of the split called `split` in the data, whatever it is used for; it may be of times.

    `Rows.rows` counts its rows. Raises `UsageError` if it is not there, and `MtrainError` as `read`.
    """
    read, notation = READERS[config.name], notation_of(config)
    path = _places(config, [])[split]
    there = COLUMNS[config.name](path, notation, split=split)
    if column not in there:
        problem = f"{path} has no column {column!r}; {suggestion(column, there)}"
        raise UsageError(problem, where=option("by"))
    if config.name == "parquet":
        read = partial(parquet.read_parquet, times=[column])
    # A column that is in the names of folders alone has no rows of its own.
    table = read(path, [column, config.target], memory, notation, split=split)
    return table.without_missing([column])


def _places(config: TableConfig, columns: list[str]) -> dict[str, str]:
    """The path of each split's rows; a folder of splits may be the path of several.

    Raises `SettingError` if a split is given twice, `MtrainError` if one lacks a column.
    """
    brought = find_splits(config.path, ENDINGS[config.name])
    places = {"train": config.path}
    for split, path in (("val", config.val_path), ("test", config.test_path)):
        if path is None:
            if split in brought:
                places[split] = config.path
            continue
        refuse_second_split(split, brought, config.path)
        there = COLUMNS[config.name](path, notation_of(config), split=split)
        check_columns(path, there, columns)
        places[split] = path
    return places


def _with_parts(table: RawTable, dates: Collection[str]) -> RawTable:
    """With what is learned from these columns; raises `MtrainError` for what is no date."""
    whole, wrong = with_parts(table, dates)
    if wrong:
        raise MtrainError(*complaints(table, wrong, lambda _: NO_DATE))
    return whole


def _left_out(table: RawTable, rows: int, kind: str, why: str) -> Note:
    return Note(kind, f"{table.where}: {rows:,} row{'s' * (rows > 1)} left out: {why}")


def _check_rows(rows: int, table: RawTable, split: str | None) -> None:
    if not rows:
        of = "" if split is None else f" for the {SPLITS[split]} split"
        raise MtrainError(f"there is no row{of}", where=table.where)


def _complete_rows(
    features: Table,
    labelled: NDArray[np.bool_],
    needed: Mapping[str, NDArray[np.bool_]],
    table: RawTable,
    config: TableConfig,
    remedy: str,
) -> Ints:
    """The positions of labelled rows, without incomplete rows if these are dropped.

    `needed` says of columns that are no features in which rows they are missing, shape (N,).
    Raises `MtrainError` with a line for each column that has missing values and must not.
    """
    missing = {name: column.missing & labelled for name, column in features.columns.items()}
    needed = {name: rows & labelled for name, rows in needed.items()}
    if config.drops_incomplete:
        gaps = np.logical_or.reduce([*missing.values(), *needed.values()])
        return np.flatnonzero(labelled & ~gaps)
    problems = complaints(table, needed, lambda _: "is missing")
    if config.missing is None:
        others = {
            column_of(name, config.dates): rows
            for name, rows in missing.items()
            if name not in needed
        }
        problems += complaints(table, others, lambda _: f"is missing; {remedy}")
    if problems:
        raise MtrainError(*problems)
    return np.flatnonzero(labelled)


def _features(config: TableConfig, encoding: Encoding | None) -> list[str]:
    """The names of the feature columns, all of which exist."""
    there = COLUMNS[config.name](config.path, notation_of(config))
    if encoding is not None:
        wanted = read_names((column.name for column in encoding.columns), config.dates)
        others = (config.target, config.weights, config.groups)
        check_columns(config.path, there, [*wanted, *(name for name in others if name is not None)])
        return wanted
    named = {
        "target": [config.target],
        "weights": [] if config.weights is None else [config.weights],
        "groups": [] if config.groups is None else [config.groups],
        "time": [] if config.time is None else [config.time],
        "features": config.features or (),
        "exclude": config.exclude,
        "categorical": config.categorical,
        "dates": config.dates,
    }
    known = set(there)
    only = csv.only_name(there) if config.name == "csv" else None

    def hint(name: str) -> str:
        return suggestion(name, there) if only is None else csv.one_column(only)

    problems = [
        (("dataset", key), f"{config.path} has no column {name!r}; {hint(name)}")
        for key, names in named.items()
        for name in names
        if name not in known
    ]
    if problems:
        raise SettingError(*problems)
    for column in config.dates:
        if clash := known.intersection(names_of_parts(column)):
            problem = (
                f"{min(clash)!r}, which is learned from {column!r}, is a column, too; rename it"
            )
            raise SettingError((("dataset", "dates"), problem))
    if config.features is not None:
        return list(config.features)
    no_features = {config.target, config.weights, config.groups, config.time, *config.exclude}
    no_features -= {*config.dates}
    features = [name for name in there if name not in no_features]
    if "" in features:
        raise MtrainError(
            f"column {there.index('') + 1} has no name",
            where=config.path,
            remedy=('name it, or leave it out: dataset.exclude: [""]'),
        )
    if not features:
        why = f"there is no column but {config.target!r} to learn from"
        raise MtrainError(f"{why if only is None else csv.one_column(only)}", where=config.path)
    return features


def check_columns(path: str, there: list[str], wanted: Iterable[str]) -> None:
    """Raise `MtrainError` if one of the columns that are `wanted` is not `there`."""
    needed, known = dict.fromkeys(wanted), set(there)
    for name in needed:
        if name not in known:
            near = nearest(name, (other for other in there if other not in needed))
            if near is not None:
                hint = f"did you mean {near!r}?"
            else:
                hint = choose(there) if there else "it has none"
            raise MtrainError(f"no column {name!r}; {hint}", where=path)


def _groups(tables: Mapping[str, RawTable], column: str | None) -> dict[str, Ints]:
    """The number of each row's group by split, -1 if missing; nothing without a column of groups."""
    if column is None:
        return {}
    return number_groups({split: coded_groups(t.columns[column]) for split, t in tables.items()})


def _time(config: TableConfig, request: Request) -> str | None:
    """The column of times; None: it is not given, or missing from data that will not be split."""
    if config.time is None or request.encoding is None:
        return config.time
    there = COLUMNS[config.name](config.path, notation_of(config))
    return config.time if config.time in there else None


def _times(table: RawTable, column: str) -> Ints:
    """The place of each row's time in their order, -1 if it has none.

    Raises `MtrainError` with the place of a value that is no time.
    """
    times = read_times(table.columns[column], typed=table.typed, notation=table.notation)
    if times.wrong.any():
        raise MtrainError(complaint(table, column, f"is not {times.expected}", times.wrong))
    return times.ranks


def _missing(
    config: TableConfig, weights: Floats | None, belonging: Mapping[str | None, Ints | None]
) -> dict[str, NDArray[np.bool_]]:
    """By column that is no feature and must have a value, where it has none; shape (N,).

    `belonging` has the numbers of groups and of times by their column, -1 for a missing value.
    """
    missing = {
        name: numbers < 0
        for name, numbers in belonging.items()
        if name is not None and numbers is not None
    }
    if config.weights is not None and weights is not None:
        missing[config.weights] = np.isnan(weights)
    return missing


def _weights(table: RawTable, column: str) -> Floats:
    """One weight a row, NaN if missing."""
    values, wrong = read_column(
        table.columns[column], "number", typed=table.typed, notation=table.notation
    )
    if (wrong | (values.values < 0)).any():
        problem = "is no weight; a weight is a number from 0"
        raise MtrainError(complaint(table, column, problem, wrong | (values.values < 0)))
    if not np.nansum(values.values):
        raise MtrainError(f"column {column!r}: all weights are 0", where=table.where)
    weights: Floats = values.values
    return weights
