"""Rows to predict, some at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mtrain.data.source import Rows
from mtrain.data.unlike import unlike_notes
from mtrain.records.column_types import as_type, common_type
from mtrain.records.dataset import Split
from mtrain.records.training import ROWS_A_CALL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mtrain.data.table import Table
    from mtrain.data.unlike import Unlike
    from mtrain.records.dataset import Encoding

PIECE = 1 << 22
"""Bytes that the inputs of a piece may take; several times as much is in use meanwhile. Pieces of a
multiple of `ROWS_A_CALL` rows give to the last bit what all rows together give."""


@dataclass(frozen=True)
class BadRow:
    """A row of a table that cannot be predicted."""

    row: int
    """Its position in the input, counted from 0."""

    problem: str
    values: Mapping[str, Any]
    """Of the columns that were read, as they were read."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Some of the rows to predict."""

    split: Split
    """A split whose labels mean nothing."""

    unlike: Mapping[Unlike, int]
    """In how many rows a column is unlike training, by how and its name."""

    left_out: int
    """Rows with a missing value, if training left such rows out as well."""

    done: tuple[str, ...] = ()
    """What was done to images, or doubts about how a table was read."""

    kept: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)
    """Columns of a table that go with the predictions, as they were read."""

    bad: tuple[BadRow, ...] = ()
    """Rows that were set aside, in their order."""

    read: float = 1
    """The share of the input that is read with these rows."""


@dataclass(eq=False)
class Seen:
    """Notes on all pieces so far."""

    rows: int = 0
    left_out: int = 0
    unlike: Counter[Unlike] = field(default_factory=Counter)
    done: tuple[str, ...] = ()

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        self.rows += len(piece.split)
        self.left_out += piece.left_out
        self.unlike.update(piece.unlike)
        self.done += piece.done

    def notes(self, where: str, encoding: Encoding) -> Iterator[str]:
        """A line for each."""
        yield from self.done
        if self.left_out:
            rows = f"{self.left_out:,} row{'s' * (self.left_out > 1)}"
            yield f"{where}: {rows} left out: with missing values"
        yield from unlike_notes(self.unlike, encoding, self.rows)


def rows_of_a_piece(encoding: Encoding) -> int:
    """As many rows as take `PIECE` bytes as inputs, or `ROWS_A_CALL`."""
    n = PIECE // (4 * encoding.n_features)
    return max(n // ROWS_A_CALL, 1) * ROWS_A_CALL


def joined(pieces: Iterable[Piece], rows: int) -> Iterator[Piece]:
    """The same rows, with equally many in each piece but the last; at least one piece.

    Where more rows than these were set aside meanwhile, a piece without rows has them.
    """
    kept: list[Piece] = []
    for piece in pieces:
        kept.append(piece)
        while sum(len(one.split) for one in kept) > rows:
            whole = _whole(kept)
            yield _part(whole, 0, rows)
            kept = [_rest(whole, rows)]
        # Or a file of bad ones would be held as a whole.
        if sum(len(one.bad) for one in kept) > rows:
            whole = _whole(kept)
            yield _part(whole, 0, 0)
            kept = [_rest(whole, 0)]
    yield _whole(kept)


def _rest(piece: Piece, start: int) -> Piece:
    """Its rows from `start`; all else went with those before."""
    return replace(_part(piece, start, None), unlike={}, left_out=0, done=(), bad=())


def _whole(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    splits = [piece.split for piece in pieces]
    seen = Seen()
    for piece in pieces:
        seen.add(piece)
    return Piece(
        Split(
            np.concatenate([split.features for split in splits]),
            np.concatenate([split.labels for split in splits]),
            np.concatenate([split.rows for split in splits]),
        ),
        seen.unlike,
        seen.left_out,
        seen.done,
        {name: _joined(name, [piece.kept[name] for piece in pieces]) for name in pieces[0].kept},
        tuple(chain.from_iterable(piece.bad for piece in pieces)),
        pieces[-1].read,
    )


def _joined(name: str, columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """One column; blocks of JSON Lines and files of Parquet may be of several types."""
    kind = reduce(common_type, [column.type for column in columns])
    chunks = [chunk for column in columns for chunk in as_type(name, column, kind).chunks]
    return pa.chunked_array(chunks, kind)


def _part(piece: Piece, start: int, stop: int | None) -> Piece:
    split, rows = piece.split, slice(start, stop)
    return replace(
        piece,
        split=Split(split.features[rows], split.labels[rows], split.rows[rows]),
        kept={name: column[rows] for name, column in piece.kept.items()},
    )


def unlabelled(features: Table | np.ndarray, names: Sequence[str] | None = None) -> Rows:
    """Rows to predict: each with label 0, which means nothing."""
    n = len(features)
    return Rows(
        features,
        np.zeros(n, np.int32),
        np.arange(n),
        names=None if names is None else np.array(names),
    )
