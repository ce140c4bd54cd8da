"""Rows of a table to predict."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mtrain.config.catalog.names import choose
from mtrain.data.dates import NO_DATE, column_of, read_names, with_parts
from mtrain.data.encoding import TOO_FAR, encode
from mtrain.data.features import MISSING_SINCE, complaints, read_features, read_values
from mtrain.data.files import has_ending
from mtrain.data.inputs.piece import BadRow, Piece, rows_of_a_piece, unlabelled
from mtrain.data.notation import notation_of
from mtrain.data.sources.csv import csv_columns, csv_pieces
from mtrain.data.sources.json_lines import JSON_LINES, json_columns, json_pieces
from mtrain.data.sources.parquet import parquet_columns, parquet_pieces
from mtrain.data.sources.tables import check_columns
from mtrain.data.table import Table
from mtrain.data.table_kind import TABLES, table_kind
from mtrain.data.table_notes import misread_notes
from mtrain.errors import BadRowsError, MtrainError, UsageError
from mtrain.keywords import option
from mtrain.records.dataset import Split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.config.experiment.table import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.records.dataset import Encoding, Kind


COLUMNS = {"csv": csv_columns, "parquet": parquet_columns, "json": json_columns}
PIECES: dict[str, Callable[..., Iterator[RawTable]]] = {
    "csv": csv_pieces,
    "parquet": parquet_pieces,
    "json": json_pieces,
}

ALL = "all"
"""In place of the names of all columns."""


def table_pieces(
    path: Path,
    config: TableConfig,
    encoding: Encoding,
    keep: Sequence[str] = (),
    *,
    sets_aside: bool = False,
) -> Iterator[Piece]:
    """At least one; each of rows that stand together, as many as a block of the file has.

    `keep` are the names of columns that go with the predictions, or `ALL` of them. If it `sets_aside`,
    rows with values that cannot be predicted are left out, and among the bad ones of their piece;
    otherwise the first of them raises `BadRowsError`. Raises `UsageError` for a column that is not there.
    """
    kind = _kind_of_table(path)
    names = read_names((column.name for column in encoding.columns), config.dates)
    notation = notation_of(config)
    there = COLUMNS[kind](str(path), notation, split=None)
    check_columns(str(path), there, names)
    kept = there if tuple(keep) == (ALL,) else list(keep)
    if lacking := [name for name in kept if name not in there]:
        problem = f"{path} has no column {lacking[0]!r}; {choose([*there, ALL])}"
        raise UsageError(problem, where=option("keep"))
    columns = list(dict.fromkeys([*names, *kept]))
    read = PIECES[kind]
    if kind != "csv":  # whose values are all text
        read = partial(read, as_is=set(kept) - set(names))
    if kind == "parquet":
        read = partial(read, times=config.dates)
    tables = read(str(path), columns, rows_of_a_piece(encoding), notation)
    yield from pieces_of(tables, config, encoding, kept, sets_aside=sets_aside)


def pieces_of(
    tables: Iterable[RawTable],
    config: TableConfig,
    encoding: Encoding,
    kept: Sequence[str] = (),
    *,
    sets_aside: bool = False,
) -> Iterator[Piece]:
    """Of the rows of these tables, with the columns that are `kept`; at least one."""
    most, done = rows_of_a_piece(encoding), 0
    for raw in tables:
        for start in range(0, len(raw), most):
            part = raw.part(start, most)
            yield _table_piece(part, config, encoding, done, kept, sets_aside=sets_aside)
            done += len(part)
    if not done:
        nothing = np.zeros((0, encoding.n_features), np.float32)
        empty = {name: pa.chunked_array([], pa.string()) for name in kept}
        split = Split(nothing, np.zeros(0, np.int32), np.zeros(0, np.int64))
        yield Piece(split, {}, 0, kept=empty)


def _table_piece(
    raw: RawTable,
    config: TableConfig,
    encoding: Encoding,
    done: int,
    kept: Sequence[str],
    *,
    sets_aside: bool,
) -> Piece:
    """`done` rows stand before these."""
    kinds = {column.name: column.kind for column in encoding.columns}
    whole, (raw, no_date) = raw, with_parts(raw.without_missing(raw.columns), config.dates)
    notes = () if done else tuple(misread_notes(raw, encoding))
    problems: dict[int, str] = {}
    table = _values(raw, kinds, no_date, problems if sets_aside else None)
    missing = {column_of(n, config.dates): one.missing for n, one in table.columns.items()}
    left_out = np.zeros(len(raw), np.bool_)
    if config.drops_incomplete:
        left_out = np.logical_or.reduce(list(missing.values()))
    elif config.missing is None and sets_aside:
        for name, mask in missing.items():
            _note(problems, raw, name, mask, "is missing")
    elif config.missing is None:
        why = f"is missing; {MISSING_SINCE}"
        if complained := complaints(raw, missing, lambda _: why):
            raise BadRowsError(*complained)
    left_out[list(problems)] = True
    rows = replace(unlabelled(table), place=raw.place)
    if left_out.any():
        rows = rows.take(np.flatnonzero(~left_out))
    with _naming_bad_rows():
        split, unlike = encode(rows, encoding, raw.where, allow_far=sets_aside)
    if sets_aside and not (finite := np.isfinite(split.features).all(axis=1)).all():
        problems |= dict.fromkeys(rows.rows[~finite].tolist(), TOO_FAR)
        rows = rows.take(np.flatnonzero(finite))
        split, unlike = encode(rows, encoding, raw.where)
    return Piece(
        replace(split, rows=split.rows + done),
        unlike,
        len(raw) - len(rows) - len(problems),
        notes,
        {name: _taken(whole.columns[name], rows.rows) for name in kept},
        tuple(_bad_rows(whole, problems, done)),
        raw.read,
    )


def _values(
    raw: RawTable,
    kinds: Mapping[str, Kind],
    no_date: Mapping[str, NDArray[np.bool_]],
    problems: dict[int, str] | None,
) -> Table:
    """The columns of these kinds; `problems` gets those of rows, or None: the first raises `BadRowsError`."""
    if problems is None:
        if no_date:
            raise BadRowsError(*complaints(raw, no_date, lambda _: NO_DATE))
        with _naming_bad_rows():
            return read_features(raw, kinds)
    columns, wrong = read_values(raw, kinds)
    for name, mask in no_date.items():
        _note(problems, raw, name, mask, NO_DATE)
    for name, mask in wrong.items():
        _note(problems, raw, name, mask, "is not a finite number, as float32")
    return Table(columns)


@contextmanager
def _naming_bad_rows() -> Iterator[None]:
    """Turn an error of values into a `BadRowsError`."""
    try:
        yield
    except MtrainError as error:
        raise BadRowsError(*error.problems) from error


def _taken(column: pa.ChunkedArray, rows: NDArray[np.int64]) -> pa.ChunkedArray:
    return column if len(rows) == len(column) else column.take(rows)


def _note(
    problems: dict[int, str], raw: RawTable, name: str, mask: NDArray[np.bool_], what: str
) -> None:
    """Add what is wrong in these rows of a column, unless they have a problem already."""
    for row in np.flatnonzero(mask).tolist():
        value = raw.columns[name][row].as_py()
        text = "a value" if value is None else f"{value!r:.60}"
        problems.setdefault(row, f"column {name!r}: {text} {what}")


def _bad_rows(raw: RawTable, problems: Mapping[int, str], done: int) -> Iterator[BadRow]:
    for row in sorted(problems):
        values = {name: column[row].as_py() for name, column in raw.columns.items()}
        yield BadRow(done + row, problems[row], values)


def _kind_of_table(path: Path) -> str:
    if has_ending(path, JSON_LINES):
        return "json"
    if kind := table_kind(path):
        return kind
    all_endings = (*chain.from_iterable(TABLES.values()), *JSON_LINES)
    known = ", ".join(ending for ending in all_endings if not ending.endswith(".gz"))
    raise MtrainError(
        f"the run is of a table; its rows to predict must be in files that end in {known}",
        where=path,
        remedy="JSON Lines have an object a line"
        if has_ending(path, (".json", ".json.gz"))
        else "",
    )
