"""Notes on the columns of a table: constant, equal, alike, ids, numbers that are text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.ids import why_id
from mtrain.data.look_alikes import look_alikes
from mtrain.data.notation import NOTATIONS, TRIED, is_number_column, marked_number
from mtrain.data.table import LARGEST_EXACT, comparable, digest
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mtrain.data.table import Values


def column_notes(columns: Mapping[str, Values], index: Collection[str]) -> Iterator[Note]:
    """A note for each oddity of a column; `index` names columns that are the index of a pandas table."""
    seen: dict[bytes, str] = {}
    for name, column in columns.items():
        n, n_categories = len(column.values), len(column.without_unused().categories)
        if _is_constant(column):
            # Numbers so large may differ in the file; another note reports it.
            if column.kind != "number" or not abs(column.values[0]) >= LARGEST_EXACT:
                yield Note("constant-column", f"column {name!r} is the same in every row")
            continue
        if (other := seen.setdefault(digest(comparable(column)), name)) != name:
            yield Note("same-columns", f"columns {other!r} and {name!r} are the same")
        if column.kind == "text":
            for names, n_alike in look_alikes(column.without_unused().categories):
                text = f"column {name!r}: categories {names} look alike, and are {n_alike} inputs"
                yield Note("look-alike-categories", text)
        if column.kind == "text" and (notation := _numbers_as_text(column)) is not None:
            yield Note("text-numbers", f"column {name!r} {notation}")
        elif column.kind == "text" and n_categories > max(20, n // 2):
            text = (
                f"column {name!r} has {n_categories:,} categories in {n:,} rows, each an input of its "
                "own; is it a name or a number of the row?"
            )
            yield Note("many-categories", text)
        if (why := why_id(name, column, index)) is not None:
            yield Note("id-column", f"column {name!r} {why[0]}")


def _is_constant(column: Values) -> bool:
    first, last = column.values[0], column.values[-1]
    if first == last:
        return bool((column.values == first).all())
    return column.kind == "number" and bool(np.isnan(first) and column.missing.all())


def _numbers_as_text(column: Values) -> str | None:
    """How a column of text writes numbers; None: it has other text."""
    texts = column.categories[:TRIED]
    if is_number_column(texts, NOTATIONS[0]):
        return None  # codes that are meant to be categories
    for notation in NOTATIONS[1:]:
        if is_number_column(texts, notation):
            settings = [f"dataset.{key}: {value!r}" for key, value in notation.settings.items()]
            keys = " and ".join(settings)
            return f"is text such as {texts[0]!r}; {keys} reads numbers so, in every column"
    if (marked := marked_number(texts)) is not None:
        return f"is text such as {marked!r}; a number is read as one without sign or unit"
    return None
