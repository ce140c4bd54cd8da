"""Columns with values that are unlike those of the training, and what is said of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.table import VALUES_AT_ONCE, Table
from mtrain.records import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.records import Encoding

MANY = 0.1
"""Share of a column's rows from which what is predicted of them is in doubt."""

FAR = 10
"""Standard deviations from the mean, where hardly any training row was."""

UNKNOWN, CONSTANT, MISSING, DISTANT = "unknown", "constant", "missing", "far"

SAID = {
    UNKNOWN: (
        "unknown-category",
        "has a category unseen in training; it is encoded as zeros",
        ", and the model cannot see what it is; are categories written as in training?",
    ),
    CONSTANT: (
        "changed-constant",
        "is not {:g}, which it is in every training row; what it means was not learned",
        "",
    ),
    MISSING: ("reading", "is missing", "; a number that was learned in training stands for it"),
    DISTANT: (
        "reading",
        f"is more than {FAR} standard deviations from its mean in training",
        "; are numbers written as in training?",
    ),
}
"""The kind of its note, what is said, and what more where such rows are many."""

Unlike = tuple[str, str]
"""How a column is unlike training, and its name."""


def count_unlike(rows: Rows, encoding: Encoding, features: NDArray[Any]) -> Counter[Unlike]:
    """In how many rows a column of numbers is unlike training, by how and its name.

    It is another number than the one that all of training had (`CONSTANT`), missing and filled
    (`MISSING`), or far away (`DISTANT`), which is known of columns that are brought to mean 0 and
    deviation 1. `features` are the encoded rows, of shape (N, `encoding.n_features`).
    """
    found: Counter[Unlike] = Counter()
    if not isinstance(rows.features, Table):
        return found
    far = np.zeros(encoding.n_features, np.int64)
    if encoding.mean:
        n = max(1, VALUES_AT_ONCE // encoding.n_features)
        for start in range(0, len(features), n):
            far += (np.abs(features[start : start + n]) > FAR).sum(axis=0)
    at = 0
    for column in encoding.columns:
        if column.kind == "number":
            if column.fill is not None:
                missing = rows.features.columns[column.name].missing
                found[MISSING, column.name] = int(np.count_nonzero(missing))
            if column.constant is None:
                found[DISTANT, column.name] = int(far[at])
            else:
                values = rows.features.columns[column.name].filled(column.fill)
                found[CONSTANT, column.name] = int(np.count_nonzero(values != column.constant))
        at += column.width
    return +found


def unlike_notes(
    found: Mapping[Unlike, int], encoding: Encoding, rows: int, where: str = ""
) -> Iterator[Note]:
    """A note for each column that is unlike training in some of so many `rows`, by `where` they are.

    Missing and far values are said of where they are many; what is many cannot be overlooked.
    """
    constants = {column.name: column.constant for column in encoding.columns}
    for (how, name), n in found.items():
        is_many = n >= MANY * rows
        of = f" of {rows:,} rows ({n / rows:.0%})" if is_many else f" row{'s' * (n > 1)}"
        kind, what, more = SAID[how]
        if kind == "reading" and not is_many:
            continue
        if how == CONSTANT:
            what = what.format(constants[name])
        warning = "WARNING: " if is_many and more else ""
        text = f"in {n:,}{of} column {name!r} {what}{more * is_many}"
        yield Note(kind, f"{warning}{where}{text}")
