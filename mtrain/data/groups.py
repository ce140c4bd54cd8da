"""Rows that belong together: their groups as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.columns import as_categories
from mtrain.data.notation import is_text
from mtrain.data.table import as_category
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.records.arrays import Ints

MOST_NAMED = 3
"""The most classes that an error names."""


def number_groups(
    named: Mapping[str, tuple[NDArray[np.signedinteger], Sequence[str]]],
) -> dict[str, Ints]:
    """The number of each row's group by split, shape (N,); of one group in all splits the same.

    From the index of each row among the names of the groups, -1 if it has none, and these names. A
    number is one group in any notation: `1`, `1.0` and `1e0`.
    """
    known = {split: [as_category(name) for name in names] for split, (_, names) in named.items()}
    order = {name: place for place, name in enumerate(sorted(set().union(*known.values())))}
    return {
        split: np.array([*(order[name] for name in known[split]), -1], np.int64)[codes]
        for split, (codes, _) in named.items()
    }


def coded_groups(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The groups in a column of a table, as `number_groups` takes them."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return as_categories(column if is_text(column.type) else pc.cast(column, pa.string()))


def refuse_lone_classes(rows: Rows, classes: Sequence[str], where: str, remedy: str) -> None:
    """Raise `MtrainError` if all rows of a class are of one group: it cannot be in two splits."""
    if rows.groups is None or rows.groups.min() == rows.groups.max():
        return  # a single group cannot be split at all
    labels = np.unique(np.stack([rows.labels, rows.groups], axis=1), axis=0)[:, 0]
    if not len(lone := np.flatnonzero(np.bincount(labels) == 1)):
        return
    names = [repr(classes[k]) for k in lone[:MOST_NAMED]]
    if more := len(lone) - len(names):
        names.append(f"{more:,} more")
    of = f"class {names[0]} is" if len(lone) == 1 else f"classes {', '.join(names)} are each"
    raise MtrainError(
        f"{of} in one group only, which cannot be in two splits", where=where, remedy=remedy
    )
