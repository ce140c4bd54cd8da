"""Rows that a program has in memory: columns, rows, or an array."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.table import TableConfig
from mtrain.data.dates import read_names
from mtrain.data.inputs.arrays import array_pieces_of
from mtrain.data.inputs.piece import joined, rows_of_a_piece
from mtrain.data.inputs.tables import pieces_of
from mtrain.data.notation import notation_of
from mtrain.data.sources.rows import from_rows
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mtrain.config.experiment.dataset import DatasetConfig
    from mtrain.data.inputs.piece import Piece
    from mtrain.records.dataset import Encoding

WHERE = "rows"
"""The place that errors and notes name."""


def pieces_in_memory(rows: Any, config: DatasetConfig, encoding: Encoding) -> Iterator[Piece]:
    """The rows of a table, by column, one row, or a list of rows; or of an array of shape (N, ...).

    Each as `read_pieces` would read it from a file. Raises `MtrainError` for what is neither, and for
    rows that do not fit the model.
    """
    _check_kind(rows, encoding)
    if not isinstance(config, TableConfig):
        yield from array_pieces_of(_array(rows), encoding, WHERE)
        return
    names = read_names((column.name for column in encoding.columns), config.dates)
    values = _columns(rows)
    raw = from_rows(
        values,
        names,
        notation_of(config),
        WHERE,
        lambda row: f"{WHERE}: row {row:,}",
        times=config.dates,
    )
    yield from joined(pieces_of([raw], config, encoding), rows_of_a_piece(encoding))


def _check_kind(rows: Any, encoding: Encoding) -> None:
    """Raise `MtrainError` for an array if the model is for a table, and vice versa."""
    is_table = hasattr(rows, "items") or _is_list_of_rows(rows)
    if isinstance(rows, list | tuple) and not rows:
        raise MtrainError("rows: there is no row to predict")
    if encoding.columns and not is_table:
        problem = "must be columns (a dict or a data frame) or rows (a list of dicts)"
        raise MtrainError(f"rows: {problem}, for a model of a table, got {type(rows).__name__}")
    if not encoding.columns and is_table:
        shape = ", ".join(map(str, encoding.shape))
        problem = f"must be an array of shape (N, {shape}) for this model"
        raise MtrainError(f"rows: {problem}, got {type(rows).__name__}")


def _array(rows: Any) -> NDArray[Any]:
    array = np.asarray(rows)
    if array.dtype.kind not in "iufb" or array.ndim < 2:
        description = f"{array.dtype} of shape {array.shape}"
        raise MtrainError(
            f"rows: must be an array of numbers, (N, ...), or columns, got {description}"
        )
    return array


def _is_list_of_rows(rows: Any) -> bool:
    is_list = isinstance(rows, list | tuple) and bool(rows)
    return is_list and all(hasattr(row, "items") for row in rows)


def _columns(rows: Any) -> dict[str, Any]:
    """The values of the columns by name; a row that lacks one has None there.

    Raises `MtrainError` for two columns of one name, and for single values among lists.
    """
    if _is_list_of_rows(rows):
        named = [dict(row.items()) for row in rows]
        names = dict.fromkeys(name for row in named for name in row)
        return {str(name): [row.get(name) for row in named] for name in names}
    columns = [(str(name), values) for name, values in rows.items()]
    if len(by_name := dict(columns)) < len(columns):
        twice = next(name for name, number in Counter(n for n, _ in columns).items() if number > 1)
        raise MtrainError(f"rows: there are two columns {twice!r}")
    single = [name for name, values in columns if _is_single(values)]
    if len(single) == len(columns):  # one row
        return {name: [value] for name, value in columns}
    if single:
        problem = "is a single value, but other columns are lists of values"
        raise MtrainError(f"rows: column {single[0]!r}: {problem}")
    return by_name


def _is_single(values: Any) -> bool:
    has_values = hasattr(values, "__iter__") and getattr(values, "ndim", 1) > 0
    return isinstance(values, str | bytes) or not has_values
