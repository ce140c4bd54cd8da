"""Labels of a table, names or whole numbers, to class indices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mtrain.config.experiment.dataset import class_names
from mtrain.data.columns import as_categories, complaint, read_column
from mtrain.data.notation import is_text
from mtrain.data.source import MOST_CLASSES, are_counted, class_places, is_whole, sorted_names
from mtrain.data.table import BOOLEANS, as_value
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mtrain.data.columns import RawTable

Codes = dict[str, "NDArray[np.int32]"]
"""Class indices by split, shape (N,) each."""


def class_indices(
    tables: Mapping[str, RawTable], target: str, classes: tuple[str, ...] | None
) -> tuple[tuple[str, ...], Codes, bool]:
    """The classes; of each split the index of every row's class; whether labels count the classes.

    A label of text is what is written: `1`, `01` and `1.0` are three. A number of a typed file has
    no spelling: whole ones are written as integers, exactly in 64 bits, others as `2.5`. The
    classes are those given, else all labels of all splits in sorted order, whole numbers as
    numbers. Given classes are named by the labels, or counted by them: 0, 1, 2, .... A missing
    label is -1. Raises `MtrainError` naming the row of a label that is no class, or is fractional
    and not in the given classes.
    """
    codes, names = {}, {}
    for split, table in tables.items():
        codes[split], names[split] = as_categories(_texts(table, target, classes))
        _refuse_measurements(table, target, names[split], classes)
    labels = {name for split_names in names.values() for name in split_names}
    if classes is None:
        classes = sorted_names(labels)
        _check(classes, tables, target)
    places = class_places(classes, labels)
    by_value = _places_by_value(classes)
    for split, table in tables.items():
        is_spelt = not table.typed or is_text(table.columns[target].type)
        # Programs write truth values in different cases, and Parquet in none.
        are_truths = by_value.keys() == BOOLEANS
        named = by_value | places if are_truths or not is_spelt else places
        spelt = [
            name.lower() if are_truths and name not in named else name for name in names[split]
        ]
        known = np.array([*(named.get(name, -2) for name in spelt), -1], np.int32)
        rows = known[codes[split]]
        if (unknown := rows == -2).any():
            problem = f"is not one of the {len(classes):,} classes"
            if is_spelt and as_value(names[split][codes[split][unknown.argmax()]]) in by_value:
                problem += ": labels are compared as they are written"
            raise MtrainError(complaint(table, target, problem, unknown))
        codes[split] = rows
    return classes, codes, are_counted(classes, labels)


def _texts(table: RawTable, target: str, classes: tuple[str, ...] | None) -> pa.ChunkedArray:
    """Labels as text, null if there is no label."""
    column = table.columns[target]
    if not table.typed:
        if classes is not None:
            return column  # what they do not name has been left out (`missing_labels.py`)
        # Among numbers NA, NaN and their like stand for nothing; elsewhere they are names.
        labels, wrong = read_column(column, None, typed=False)
        if labels.kind == "number" and not wrong.any():
            return pc.if_else(pa.array(labels.missing), None, column)
        return column
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
        encoded = pc.dictionary_encode(column).combine_chunks()
        numbers = pc.cast(encoded.dictionary, pa.float64()).to_pylist()
        # A float32 in the digits of a float32.
        texts = pc.cast(encoded.dictionary, pa.string()).to_pylist()
        spelt = [
            str(int(number)) if number.is_integer() else text
            for number, text in zip(numbers, texts, strict=True)
        ]
        return pa.chunked_array([pa.array(spelt, pa.string()).take(encoded.indices)])
    texts = pc.cast(column, pa.large_string())
    if pa.types.is_decimal(column.type):
        texts = pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0*$", r"\1")
    return texts


def _refuse_measurements(
    table: RawTable, target: str, names: tuple[str, ...], classes: tuple[str, ...] | None
) -> None:
    """Raise `MtrainError` if all labels are numbers, and one is fractional and not a given class."""
    kind = table.columns[target].type
    if pa.types.is_boolean(kind) or (table.typed and is_text(kind)):
        return
    values = [as_value(name) for name in names]
    if not table.typed and any(value is None or value in BOOLEANS for value in values):
        return
    given = set(classes or ())
    fractional = [
        name
        for name, value in zip(names, values, strict=True)
        if not (is_whole(value or "") or name in given)
    ]
    if fractional:
        wrong = pc.is_in(_texts(table, target, classes), pa.array(fractional, pa.large_string()))
        problem = "is not a class; labels are names or whole numbers, or listed in dataset.classes"
        raise MtrainError(complaint(table, target, problem, wrong.to_numpy()))


def _places_by_value(classes: tuple[str, ...]) -> dict[str, int]:
    """The classes that are numbers or truth values, however written, by what `as_value` says."""
    places: dict[str, int] = {}
    for place, name in enumerate(classes):
        if (value := as_value(name)) is not None:
            places[value] = -2 if value in places else place  # two of one value: it is neither
    return places


def _check(classes: tuple[str, ...], tables: Mapping[str, RawTable], target: str) -> None:
    where = f"{tables['train'].where}: column {target!r}"
    if len(classes) > MOST_CLASSES:
        rows = sum(len(table) for table in tables.values())
        raise MtrainError(
            f"{len(classes):,} different labels in {rows:,} rows; there can be "
            f"{MOST_CLASSES:,} classes",
            where=where,
        )
    if not classes:
        raise MtrainError("every label is missing", where=where)
    if len(classes) == 1:
        raise MtrainError(
            f"every label is {classes[0]!r}; a classifier needs two classes", where=where
        )
    try:
        class_names(classes)
    except ValueError as error:
        raise MtrainError(str(error), where=where) from error
