"""Columns with values unlike the training's, and the notes on them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.scaling import clipped
from mtrain.data.table import VALUES_AT_ONCE, Table
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.records.dataset import Encoding

MANY = 0.1
"""Share of a column's rows from which their predictions are doubtful."""

FAR = 10
"""Standard deviations from the mean, or spreads from the median, where hardly any training row was."""

ARRAY = ""
"""The column name of rows that are arrays."""

UNKNOWN, CONSTANT, MISSING, DISTANT = "unknown", "constant", "missing", "far"

Unlike = tuple[str, str]
"""How a column is unlike training, and its name."""


def count_unlike(rows: Rows, encoding: Encoding, features: NDArray[Any]) -> Counter[Unlike]:
    """The number of rows in which a column is unlike training, by how and its name.

    A value is missing (`MISSING`); a number differs from the one that all training rows had
    (`CONSTANT`), or is far away (`DISTANT`), which is known for columns that are scaled. `features` are
    the encoded rows, of shape (N, `encoding.n_features`). Arrays have no columns: rows count whose
    largest number is far beyond training's.
    """
    counts: Counter[Unlike] = Counter()
    if not isinstance(rows.features, Table):
        if encoding.largest:
            flat = np.asarray(rows.features).reshape(len(rows), encoding.n_features)
            highest = np.maximum(flat.max(axis=1), -flat.min(axis=1))
            counts[DISTANT, ARRAY] = int(np.count_nonzero(highest > FAR * encoding.largest))
        return +counts
    far = np.zeros(encoding.n_features, np.int64)
    if encoding.mean:
        limit = clipped(FAR) if encoding.is_robust else FAR
        n = max(1, VALUES_AT_ONCE // encoding.n_features)
        for start in range(0, len(features), n):
            far += (np.abs(features[start : start + n]) > limit).sum(axis=0)
    at = 0
    for column in encoding.columns:
        values = rows.features.columns[column.name]
        if column.kind != "number" or column.fill is not None:
            counts[MISSING, column.name] = int(np.count_nonzero(values.missing))
        if column.constant is not None:
            # As model inputs: 0.1 from a file of float32 is the same.
            constant = np.float32(column.constant)
            others = values.filled(column.fill).astype(np.float32) != constant
            counts[CONSTANT, column.name] = int(np.count_nonzero(others))
        elif column.kind == "number":
            counts[DISTANT, column.name] = int(far[at])
        at += column.width
    return +counts


def unlike_notes(
    counts: Mapping[Unlike, int], encoding: Encoding, rows: int, where: str = ""
) -> Iterator[Note]:
    """A note for each column that is unlike training in some of the `rows`.

    `where` begins each note, after WARNING if the predictions are doubtful. Missing and far values
    are reported if they are many.
    """
    columns = {column.name: column for column in encoding.columns}
    for (how, name), n in counts.items():
        if name == ARRAY:
            if n >= MANY * rows:
                yield Note(
                    "far-values",
                    f"WARNING: {where}in {n:,} of {rows:,} rows ({n / rows:.0%}) a number is more than "
                    f"{FAR} times the largest of training, {encoding.largest:g}; are they scaled as in "
                    "training?",
                )
            continue
        is_many, column, doubt = n >= MANY * rows, columns[name], ""
        if how == UNKNOWN:
            kind, text = (
                "unknown-category",
                "has a category unseen in training; it is encoded as zeros",
            )
            doubt = ", and the model cannot see what it is; are categories written as in training?"
        elif how == CONSTANT:
            kind, text = "changed-constant", f"is not {column.constant:g}, which it is in every "
            text += "training row; its meaning was not learned"
        elif not is_many:
            continue
        elif how == MISSING:
            filled = [] if column.fill is None else [f"{column.fill:g} stands for it"]
            flagged = ["an input of its own is 1"] if column.is_flagged else []
            encoded = " and ".join(filled + flagged) or "it is encoded as zeros"
            kind, text = "missing-values", f"is missing; {encoded}"
        else:
            of_training = "standard deviations from its mean"
            if encoding.is_robust:
                of_training = "times its interquartile range from its median"
            kind, text = "far-values", f"is more than {FAR} {of_training} in training"
            doubt = "; are numbers written as in training?"
        of = f" of {rows:,} rows ({n / rows:.0%})" if is_many else f" row{'s' * (n > 1)}"
        warning, doubt = ("WARNING: ", doubt) if is_many and doubt else ("", "")
        yield Note(kind, f"{warning}{where}in {n:,}{of} column {name!r} {text}{doubt}")
