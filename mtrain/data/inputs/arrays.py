"""Rows of an array to predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.encoding import encode
from mtrain.data.inputs.piece import Piece, rows_of_a_piece, unlabelled
from mtrain.data.source import checked_rows
from mtrain.data.sources.idx import read_idx
from mtrain.data.sources.npz import array_names, find_features, read_members

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.records.dataset import Encoding


def array_pieces(path: Path, encoding: Encoding, memory: int) -> Iterator[Piece]:
    """An `.npz` file's `x_test` or `x`, or an IDX file; at least one piece."""
    yield from array_pieces_of(_read_array(path, memory), encoding, str(path))


def array_pieces_of(features: NDArray[Any], encoding: Encoding, where: str) -> Iterator[Piece]:
    """Of rows in memory, which are called `where`."""
    if features.ndim > 1 and not len(features):
        rows = unlabelled(features)  # nothing to predict is not an error
    else:
        n = len(features) if features.ndim else 0
        rows = checked_rows(features, np.zeros(n, np.int32), where, "given")
    most = rows_of_a_piece(encoding)
    for start in range(0, max(len(rows), 1), most):
        part = rows.take(np.arange(start, min(start + most, len(rows))))
        split, unlike = encode(part, encoding, where)
        yield Piece(split, unlike, 0, read=(start + len(part)) / max(len(rows), 1))


def _read_array(path: Path, memory: int) -> NDArray[Any]:
    if path.suffix.lower() == ".npz":
        names = find_features(array_names(path), str(path))
        name = names.get("test") or names.get("train") or "x"
        return read_members(path, [name], memory)[name]
    return read_idx(path, memory=memory)
