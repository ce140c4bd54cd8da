"""Rows of a table to predict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.encoding import encode
from mtrain.data.features import MISSING_SINCE, complaints, read_features
from mtrain.data.inputs.piece import Piece, rows_of_a_piece, unlabelled
from mtrain.data.notation import notation_of
from mtrain.data.sources.tables import COLUMNS, PIECES, check_columns
from mtrain.data.table_kind import TABLES, table_kind
from mtrain.data.table_notes import misread_notes
from mtrain.errors import MtrainError
from mtrain.records.dataset import Split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mtrain.config.experiment.table import TableConfig
    from mtrain.data.columns import RawTable
    from mtrain.records.dataset import Encoding


def table_pieces(path: Path, config: TableConfig, encoding: Encoding) -> Iterator[Piece]:
    """At least one; each of rows that stand together, as many as a block of the file has."""
    kind = _kind_of_table(path)
    kinds = {column.name: column.kind for column in encoding.columns}
    notation = notation_of(config)
    check_columns(str(path), COLUMNS[kind](str(path), notation, split=None), kinds)
    most = rows_of_a_piece(encoding)
    yield from pieces_of(PIECES[kind](str(path), list(kinds), most, notation), config, encoding)


def pieces_of(
    tables: Iterable[RawTable], config: TableConfig, encoding: Encoding
) -> Iterator[Piece]:
    """Of the rows of these tables; at least one."""
    most, done = rows_of_a_piece(encoding), 0
    for raw in tables:
        for start in range(0, len(raw), most):
            part = raw.part(start, most)
            yield _table_piece(part, config, encoding, done)
            done += len(part)
    nothing = np.zeros((0, encoding.n_features), np.float32)
    yield Piece(Split(nothing, np.zeros(0, np.int32), np.zeros(0, np.int64)), {}, 0)


def _table_piece(raw: RawTable, config: TableConfig, encoding: Encoding, done: int) -> Piece:
    """`done` rows stand before these."""
    kinds = {column.name: column.kind for column in encoding.columns}
    raw = raw.without_missing(kinds)
    table = read_features(raw, kinds)
    missing = {name: column.missing for name, column in table.columns.items()}
    rows = replace(unlabelled(table), place=raw.place)
    if config.missing == "drop":
        rows = rows.take(np.flatnonzero(~np.logical_or.reduce(list(missing.values()))))
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
    )


def _kind_of_table(path: Path) -> str:
    if kind := table_kind(path):
        return kind
    known = ", ".join(
        ending for endings in TABLES.values() for ending in endings if not ending.endswith(".gz")
    )
    raise MtrainError(
        f"the run is of a table; its rows to predict must be in files that end in {known}",
        where=path,
    )
