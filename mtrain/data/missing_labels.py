"""Labels of text that mean a missing label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mtrain.data.missing_words import MISSING_LABELS
from mtrain.data.notation import is_text
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtrain.data.columns import RawTable


def without_missing_labels(
    tables: Mapping[str, RawTable], target: str, classes: tuple[str, ...] | None
) -> dict[str, RawTable]:
    """The tables with null for labels that are blank, or like NA and not in the given `classes`.

    Without `classes` a label like NA is a class: it may be meant. A label in
    `dataset.missing_values` is missing, unless it is one of the `classes`.
    """
    missing = [] if classes is None else [name for name in MISSING_LABELS if name not in classes]
    return {
        split: _without(_unmarked(table, target, classes), target, missing)
        for split, table in tables.items()
    }


def marked_label_notes(
    tables: Mapping[str, RawTable], target: str, classes: tuple[str, ...] | None
) -> Iterator[Note]:
    """A note for each table with labels that `dataset.missing_values` names."""
    for table in tables.values():
        labels, left = (one.columns[target] for one in (table, _unmarked(table, target, classes)))
        if left.null_count > labels.null_count:
            marked = pc.unique(labels.filter(pc.and_(pc.is_null(left), pc.is_valid(labels))))
            names = " and ".join(map(repr, map(str, marked.to_pylist())))
            text = (
                f"{table.where}: {left.null_count - labels.null_count:,} rows have the label {names}, "
                "which dataset.missing_values names; list it in dataset.classes to keep the class"
            )
            yield Note("unlabelled-rows", text)


def _unmarked(table: RawTable, target: str, classes: tuple[str, ...] | None) -> RawTable:
    """Without the labels that `dataset.missing_values` names and the classes do not."""
    given = set(classes or ())
    missing = tuple(value for value in table.notation.missing if str(value) not in given)
    notation = replace(table.notation, missing=missing)
    return replace(table, notation=notation).without_missing([target])


def missing_label_notes(classes: tuple[str, ...]) -> Iterator[Note]:
    """A note for each class with the name of a missing value."""
    for name in classes:
        if name in MISSING_LABELS:
            text = (
                f"class {name!r} may be rows without a label; dataset.classes without it leaves "
                "them out, with it keeps the class"
            )
            yield Note("missing-label", text)


def _without(table: RawTable, target: str, missing: list[str]) -> RawTable:
    labels = table.columns[target]
    if not is_text(labels.type):
        return table
    trimmed = pc.utf8_trim_whitespace(labels)
    is_missing = pc.is_in(trimmed, pa.array(["", *missing], labels.type))
    if not pc.any(is_missing).as_py():
        return table
    return replace(table, columns={**table.columns, target: pc.if_else(is_missing, None, labels)})
