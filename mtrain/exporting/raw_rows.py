"""Rows as an exported model takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.encoding_columns import places_in
from mtrain.data.table import Table
from mtrain.exporting.signature import input_names, inputs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.data.table import Values
    from mtrain.records.dataset import Column, Encoding

    Texts = dict[str, dict[str, int]]
    """By column, the place of the category that each text means."""


ROUGH = 1e-4
"""Of a scaled number, which is usually between -3 and 3."""


def raw_inputs(rows: Rows, encoding: Encoding) -> dict[str, NDArray[Any]]:
    """The rows by the names of `signature.py`: numbers float32, NaN if missing; texts, "" if missing."""
    if not isinstance(rows.features, Table):
        (one,) = inputs_of(encoding)
        shape = (len(rows), *one.shape)
        return {one.name: np.asarray(rows.features).reshape(shape).astype(one.type, copy=False)}
    table = rows.features
    names = input_names(encoding)
    return {names[one.name]: _raw(table.columns[one.name])[:, None] for one in encoding.columns}


def rounded_columns(rows: Rows, encoding: Encoding) -> list[str]:
    """The columns of numbers that float32 holds too roughly: scaled, one moves by more than `ROUGH`."""
    table, at, names = rows.features, 0, []
    for column in encoding.columns:
        if isinstance(table, Table) and column.kind == "number" and encoding.mean:
            exact = table.columns[column.name].values
            moved = np.abs(exact.astype(np.float32) - exact) / encoding.deviation[at]
            if (moved > ROUGH).any():
                names.append(column.name)
        at += column.width
    return names


def texts_of_categories(
    rows: Iterable[Rows], encoding: Encoding, missing: Sequence[str], *, are_refused: bool
) -> Texts:
    """As `Around.texts`, of these rows, of each category itself, and of texts that mean `missing`.

    A number may be written in several ways, and so may true and false. If missing ones `are_refused`,
    a row that has one has no class.
    """
    texts: Texts = {}
    tables = [one.features for one in rows if isinstance(one.features, Table)]
    for column in encoding.columns:
        if column.kind == "number":
            continue
        seen = dict.fromkeys(column.categories + column.rare)
        for table in tables:
            seen |= dict.fromkeys(table.columns[column.name].categories)
        places = zip(seen, places_in(column, tuple(seen)), strict=True)
        known = {text: place for text, place in places if place >= 0}
        known |= _in_capitals(column, known)
        of_missing = {}
        if are_refused or column.is_flagged:
            of_missing = dict.fromkeys(missing, column.width - column.is_flagged)
        texts[column.name] = known | of_missing
    return texts


def _in_capitals(column: Column, places: dict[str, int]) -> dict[str, int]:
    if column.kind != "boolean":
        return {}
    return {way: k for text, k in places.items() for way in (text.title(), text.upper())}


def _raw(values: Values) -> NDArray[Any]:
    if values.kind == "number":
        return values.values.astype(np.float32)
    texts: NDArray[Any] = np.array([*values.categories, ""], object)
    chosen: NDArray[Any] = texts[values.values]  # the code of a missing one is -1
    return chosen
