"""Columns of Python's values, as those of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mtrain.data.columns import RawTable
from mtrain.data.sources.parquet import in_memory, names_in_memory
from mtrain.data.sources.tables import check_columns
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from mtrain.data.notation import Notation


def from_rows(
    values: Mapping[str, Any],
    columns: list[str],
    notation: Notation,
    where: str,
    place: Callable[[int], str],
    *,
    as_text: Callable[[Any], str] | None = None,
    times: Collection[str] = (),
) -> RawTable:
    """The named `columns` of these `values`, by name, each a list or an array of N values.

    `where` is what they are called, and `place` gives the place of each row. The columns `times` may be of
    dates and times. A column of several types
    is text, so that text among numbers is wrong by itself; without `as_text` it is an error. Raises
    `MtrainError` for a column that is not there, and for values that are not columns of one length.
    """
    arrays = {name: _as_arrow(name, one, where, as_text) for name, one in values.items()}
    for name, array in arrays.items():
        first = next(iter(arrays))
        if len(array) != (n := len(arrays[first])):
            lengths = f"{first!r} has {n:,} values, {name!r} has {len(array):,}"
            problem = f"columns must be of the same length, but {lengths}"
            raise MtrainError(problem, where=where)
    table = pa.table(arrays)
    check_columns(where, names_in_memory(table, where), columns)
    return RawTable(
        in_memory(table, columns, Path(where), times),
        typed=True,
        where=where,
        place=place,
        notation=notation,
    )


def _as_arrow(name: str, values: Any, where: str, as_text: Callable[[Any], str] | None) -> pa.Array:
    """The values of a column; raises `MtrainError` for a value that is no list, or mixed types."""
    if isinstance(values, Mapping | set | frozenset):  # Arrow would take the keys
        kind = type(values).__name__
        raise MtrainError(f"column {name!r}: must be a list of values, got {kind}", where=where)
    values = values if hasattr(values, "__len__") else list(values)
    try:
        # As in pandas: NaN is a missing value, among text as well.
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        if as_text is not None:
            return pa.array([None if value is None else as_text(value) for value in values])
        problem, types = str(error), {type(value).__name__ for value in values}
        if "str" in types and len(types - {"NoneType"}) > 1:
            problem = f"must be all numbers or all text, got {' and '.join(sorted(types))}"
        raise MtrainError(f"column {name!r}: {problem}", where=where) from error
