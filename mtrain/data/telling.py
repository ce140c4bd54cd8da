"""Columns that nearly decide the label: often they are known only after the label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.ids import why_id
from mtrain.data.side_by_side import side_by_side
from mtrain.data.table import some_at_once
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.data.table import Values
    from mtrain.records.arrays import Floats, Ints

TELLING = 0.05
"""Share of the rows not of the most frequent class that a column may tell wrong and still all but
decide the label."""

ROWS_ALIKE = 5
"""How many neighbouring numbers can tell each other's label."""

FEWEST_ROWS = 20
"""Fewest rows: with fewer, a column often tells the label by chance."""

MOST_ROWS = 100_000
"""Rows that are examined first, drawn from all."""


def telling_notes(columns: Mapping[str, Values], labels: NDArray[np.int32]) -> Iterator[Note]:
    """A note for each column, but for ids, that all but decides the `labels`, of shape (N,)."""
    names = list(columns) if len(labels) >= FEWEST_ROWS else []
    if len(labels) > MOST_ROWS:
        sample = np.random.default_rng(0).choice(len(labels), MOST_ROWS, replace=False)
        names = [name for name, *_ in _telling(columns, names, labels, sample)]
    for name, right, is_renamed in _telling(columns, names, labels, np.arange(len(labels))):
        if (why := why_id(name, columns[name], ())) is not None and why[1]:
            continue
        text = f"alone tells the label of {right:.1%} of the rows; is it known before the label is?"
        if is_renamed:
            text = "is the label by another name: each value stands for one class"
        yield Note("telling-column", f"column {name!r} {text}")


def _telling(
    columns: Mapping[str, Values], names: Sequence[str], labels: NDArray[np.int32], rows: Ints
) -> Iterator[tuple[str, float, bool]]:
    """The columns that decide the labels of these rows, with the result of `_told` for each."""
    present, indices = np.unique(labels[rows], return_inverse=True)
    if len(present) < 2:
        return
    frequent = int(np.bincount(indices).max()) / len(rows)

    def told(group: Sequence[str]) -> tuple[Floats, NDArray[np.bool_]]:
        values = np.stack([columns[name].values.take(rows) for name in group]).astype(np.float64)
        is_number = np.array([columns[name].kind == "number" for name in group])
        return _told(values, indices, is_number)

    groups = list(some_at_once(names, len(rows)))
    for group, (right, is_renamed) in zip(groups, side_by_side(told, groups), strict=True):
        is_near = 1 - right <= TELLING * (1 - frequent)
        for k in map(int, np.flatnonzero(is_near | is_renamed)):
            yield group[k], float(right[k]), bool(is_renamed[k])


def _told(
    values: Floats, labels: Ints, is_number: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """By column the share of the rows, from 0 to 1, whose label the others of the same value have.

    `values` has shape (C, N), `labels` from 0 shape (N,), what is returned shape (C,). Values of
    numbers with few rows each are taken together with those next to them as well, and the larger share
    counts. The second says of which columns each value is that of one label, and each label has one
    value.
    """
    n, n_labels = len(labels), int(labels.max()) + 1
    order = np.argsort(values, axis=1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=1)
    differs = ordered[:, 1:] != ordered[:, :-1]
    differs &= ~np.isnan(ordered[:, :-1])  # these are last, and all the same
    # Equal values are one group, named by the position of its first row.
    groups = np.zeros(values.shape, np.int64)
    np.maximum.accumulate(np.where(differs, np.arange(1, n), 0), axis=1, out=groups[:, 1:])
    distinct = 1 + differs.sum(axis=1)
    right, n_cells = _told_by_groups(groups, labels[order])
    few_rows_each = is_number & (distinct > n // ROWS_ALIKE) & (distinct != n_labels)
    if few_rows_each.any():
        near = groups[few_rows_each] // ROWS_ALIKE
        told, _ = _told_by_groups(near, labels[order[few_rows_each]])
        right[few_rows_each] = np.maximum(right[few_rows_each], told)
    return right / n, (distinct == n_labels) & (n_cells == n_labels)


def _told_by_groups(groups: Ints, labels: Ints) -> tuple[Ints, Ints]:
    """By column the rows whose label the others of their group have, and how many labels groups have.

    `groups` and `labels` have shape (C, N), what is returned shape (C,).
    """
    n_columns, n = groups.shape
    n_labels = int(labels.max()) + 1
    groups = groups + n * np.arange(n_columns)[:, np.newaxis]
    cells, counts = np.unique(groups * n_labels + labels, return_counts=True)
    starts = np.flatnonzero(np.diff(cells // n_labels, prepend=-1))
    most = np.maximum.reduceat(counts, starts)
    # Of each row the label is told by the others: one alone in its group is told by nobody, and of
    # two labels as frequent among the others, neither is told.
    rivals = counts >= np.repeat(most, np.diff(starts, append=len(counts))) - 1
    is_told = (np.add.reduceat(rivals.astype(np.int64), starts) == 1) & (most > 1)
    column_of = cells // (n * n_labels)
    right = np.bincount(column_of[starts], np.where(is_told, most, 0), n_columns).astype(np.int64)
    return right, np.bincount(column_of, minlength=n_columns)
