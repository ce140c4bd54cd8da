"""Rows of a table to predict."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mtrain.config.catalog.names import choose
from mtrain.data.encoding import encode
from mtrain.data.features import MISSING_SINCE, complaints, read_features
from mtrain.data.files import has_ending
from mtrain.data.inputs.piece import Piece, rows_of_a_piece, unlabelled
from mtrain.data.notation import notation_of
from mtrain.data.sources.csv import csv_columns, csv_pieces
from mtrain.data.sources.json_lines import JSON_LINES, json_columns, json_pieces
from mtrain.data.sources.parquet import parquet_columns, parquet_pieces
from mtrain.data.sources.tables import check_columns
from mtrain.data.table_kind import TABLES, table_kind
from mtrain.data.table_notes import misread_notes
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.records.dataset import Split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from mtrain.config.experiment.table import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.records.dataset import Encoding


COLUMNS = {"csv": csv_columns, "parquet": parquet_columns, "json": json_columns}
PIECES: dict[str, Callable[..., Iterator[RawTable]]] = {
    "csv": csv_pieces,
    "parquet": parquet_pieces,
    "json": json_pieces,
}

ALL = "all"
"""In place of the names of all columns."""


def table_pieces(
    path: Path, config: TableConfig, encoding: Encoding, keep: Sequence[str] = ()
) -> Iterator[Piece]:
    """At least one; each of rows that stand together, as many as a block of the file has.

    `keep` are the names of columns that go with the predictions, or `ALL` of them. Raises `UsageError`
    for one that is not there.
    """
    kind = _kind_of_table(path)
    names = [column.name for column in encoding.columns]
    notation = notation_of(config)
    there = COLUMNS[kind](str(path), notation, split=None)
    check_columns(str(path), there, names)
    kept = there if tuple(keep) == (ALL,) else list(keep)
    if lacking := [name for name in kept if name not in there]:
        problem = f"{path} has no column {lacking[0]!r}; {choose([*there, ALL])}"
        raise UsageError(problem, where=option("keep"))
    columns = list(dict.fromkeys([*names, *kept]))
    read = PIECES[kind]
    if kind == "parquet":  # no other file has types
        read = partial(parquet_pieces, as_is=set(kept) - set(names))
    tables = read(str(path), columns, rows_of_a_piece(encoding), notation)
    yield from pieces_of(tables, config, encoding, kept)


def pieces_of(
    tables: Iterable[RawTable], config: TableConfig, encoding: Encoding, kept: Sequence[str] = ()
) -> Iterator[Piece]:
    """Of the rows of these tables, with the columns that are `kept`; at least one."""
    most, done = rows_of_a_piece(encoding), 0
    for raw in tables:
        for start in range(0, len(raw), most):
            part = raw.part(start, most)
            yield _table_piece(part, config, encoding, done, kept)
            done += len(part)
    if not done:
        nothing = np.zeros((0, encoding.n_features), np.float32)
        empty = {name: pa.chunked_array([], pa.string()) for name in kept}
        split = Split(nothing, np.zeros(0, np.int32), np.zeros(0, np.int64))
        yield Piece(split, {}, 0, kept=empty)


def _table_piece(
    raw: RawTable, config: TableConfig, encoding: Encoding, done: int, kept: Sequence[str]
) -> Piece:
    """`done` rows stand before these."""
    with_them = {name: raw.columns[name] for name in kept}
    kinds = {column.name: column.kind for column in encoding.columns}
    raw = raw.without_missing(kinds)
    table = read_features(raw, kinds)
    missing = {name: column.missing for name, column in table.columns.items()}
    rows = replace(unlabelled(table), place=raw.place)
    if config.missing == "drop":
        complete = np.flatnonzero(~np.logical_or.reduce(list(missing.values())))
        rows = rows.take(complete)
        with_them = {name: column.take(complete) for name, column in with_them.items()}
    elif config.missing is None:
        why = f"is missing; {MISSING_SINCE}"
        if problems := complaints(raw, missing, lambda _: why):
            raise MtrainError(*problems)
    split, unlike = encode(rows, encoding, raw.where)
    return Piece(
        replace(split, rows=split.rows + done),
        unlike,
        len(raw) - len(rows),
        () if done else tuple(misread_notes(raw, encoding)),
        with_them,
    )


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
    )
