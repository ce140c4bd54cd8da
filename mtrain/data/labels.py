"""Labels of a table, names or whole numbers, to class indices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.config.dataset import class_names
from mtrain.data.columns import as_categories, complaint, read_column
from mtrain.data.source import MOST_CLASSES, class_places, sorted_names
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mtrain.data.columns import RawTable

Codes = dict[str, "NDArray[np.int32]"]
"""Class indices by split, shape (N,) each."""


def class_indices(
    tables: Mapping[str, RawTable], target: str, classes: tuple[str, ...] | None
) -> tuple[tuple[str, ...], Codes]:
    """The classes and, of each split, the index of every row's class.

    The classes are those given, else all labels of all splits in sorted order, whole numbers as
    numbers. Given classes are named by the labels, or counted by them: 0, 1, 2, .... A missing
    label is -1. Raises `MtrainError` naming the row of one that is fractional or no class.
    """
    codes, names = {}, {}
    for split, table in tables.items():
        codes[split], names[split] = as_categories(_texts(table, target))
    found = {name for some in names.values() for name in some}
    if classes is None:
        classes = sorted_names(found)
        _check(classes, tables, target)
    places = class_places(classes, found)
    for split, table in tables.items():
        known = np.array([*(places.get(name, -2) for name in names[split]), -1], np.int32)
        codes[split] = known[codes[split]]
        if (unknown := codes[split] == -2).any():
            problem = f"is none of the {len(classes):,} classes"
            raise MtrainError(complaint(table, target, problem, unknown))
    return classes, codes


def _texts(table: RawTable, target: str) -> pa.ChunkedArray:
    """Labels as text; where all are numbers, 1.0 as 1."""
    column = table.columns[target]
    texts = pc.cast(column, pa.string())
    labels, wrong = read_column(column, None, typed=table.typed)
    if labels.kind != "number" or wrong.any():
        return texts
    fractional = ~labels.missing & (labels.values % 1 != 0)
    if fractional.any():
        problem = "is no class; labels are names or whole numbers"
        raise MtrainError(complaint(table, target, problem, fractional))
    texts = pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0*$", r"\1")
    texts = pc.if_else(pa.array(labels.missing), None, texts)
    numbers = np.unique(labels.values[~labels.missing])
    if pc.count_distinct(texts).as_py() == len(numbers):
        return texts
    # The same number is spelt in several ways, 7 and 007; what it is spelt as is no name then.
    spelt = {number: str(int(number)) for number in numbers.tolist()}
    return pa.chunked_array([pa.array([spelt.get(v) for v in labels.values.tolist()], pa.string())])


def _check(classes: tuple[str, ...], tables: Mapping[str, RawTable], target: str) -> None:
    where = f"{tables['training'].where}: column {target!r}"
    if len(classes) > MOST_CLASSES:
        rows = sum(len(table) for table in tables.values())
        raise MtrainError(
            f"{where}: {len(classes):,} different labels in {rows:,} rows; there can be "
            f"{MOST_CLASSES:,} classes"
        )
    if len(classes) == 1:
        raise MtrainError(f"{where}: every label is {classes[0]!r}; a classifier needs two classes")
    try:
        class_names(classes)
    except ValueError as error:
        raise MtrainError(f"{where}: {error}") from error
