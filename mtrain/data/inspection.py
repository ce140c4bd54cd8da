"""What is in a data set, and what in it makes a training fail or lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.data.source import Rows, Source
    from mtrain.data.table import Values
    from mtrain.records import Dataset, Encoding, Ints

FEW_ROWS = 10
"""Of a class to train on: less is hardly learned, and not at all measured."""

LOPSIDED = 0.9
"""Share of the most frequent class from which accuracy says nothing of the others."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """A data set as a training would have it."""

    source: str
    classes: tuple[str, ...]
    counts: Mapping[str, Ints]
    """Rows of each class, shape (K,), by split."""

    encoding: Encoding
    missing: Mapping[str, int]
    """Rows without a value, by column of a table that has such."""

    n_bytes: int
    """What the rows take, encoded."""

    warnings: tuple[str, ...]

    facts: tuple[str, ...] = ()
    """What was done to read it, which is as it should be."""

    def __repr__(self) -> str:
        rows = sum(int(counts.sum()) for counts in self.counts.values())
        return (
            f"<Inspection of {self.source}: {rows:,} rows, {len(self.classes):,} classes, "
            f"{len(self.warnings):,} warnings>"
        )


def inspect(source: Source, dataset: Dataset) -> Inspection:
    """Look at the rows as they were read, and at the splits that were made of them."""
    classes = dataset.classes
    counts = {
        name: np.bincount(split.labels, minlength=len(classes))
        for name, split in dataset.splits.items()
    }
    columns = source.train.features.columns if isinstance(source.train.features, Table) else {}
    return Inspection(
        dataset.source,
        classes,
        counts,
        dataset.encoding,
        _missing(source),
        sum(split.features.nbytes for split in dataset.splits.values()),
        (
            *dataset.notes,
            *_class_warnings(counts, classes),
            *_column_warnings(columns, source.train.labels),
            *_contradictions(source.splits, classes),
        ),
        source.facts,
    )


def _missing(source: Source) -> dict[str, int]:
    """Rows of all splits without a value, by column."""
    tables = [rows.features for rows in source.splits.values() if isinstance(rows.features, Table)]
    names = tables[0].columns if tables else ()
    counts = {
        name: sum(int(table.columns[name].missing.sum()) for table in tables) for name in names
    }
    return {name: count for name, count in counts.items() if count}


def _class_warnings(counts: Mapping[str, Ints], classes: tuple[str, ...]) -> Iterator[str]:
    for k, name in enumerate(classes):
        if (n := counts["train"][k]) == 0:
            continue  # which is said already
        if absent := [split for split, some in counts.items() if some[k] == 0]:
            yield f"class {name!r} has no row in {' and '.join(absent)}"
        elif n < FEW_ROWS:
            yield f"class {name!r} has only {n} row{'' if n == 1 else 's'} to train on"
    test = counts["test"]
    if (share := test.max() / test.sum()) >= LOPSIDED:
        yield (
            f"to answer {classes[int(test.argmax())]!r} always has accuracy {share:.3f} on test: "
            "look at the recall of the others"
        )


def _column_warnings(columns: Mapping[str, Values], labels: NDArray[np.int32]) -> Iterator[str]:
    seen: dict[bytes, str] = {}
    present, label_codes = np.unique(labels, return_inverse=True)
    n_labels = len(present)
    for name, column in columns.items():
        values = _comparable(column)
        distinct, codes = np.unique(values, return_inverse=True)
        if len(distinct) == 1:
            yield f"column {name!r} is the same in every row"
            continue
        if (other := seen.setdefault(_digest(values), name)) != name:
            yield f"columns {other!r} and {name!r} are the same"
        if column.kind == "text" and len(distinct) > max(20, len(values) // 2):
            yield (
                f"column {name!r} has {len(distinct):,} categories in {len(values):,} rows, each "
                "an input of its own; is it a name or a number of the row?"
            )
        if column.counts_rows:
            yield f"column {name!r} counts the rows"
        if len(distinct) == n_labels == len(np.unique(codes * n_labels + label_codes)):
            yield f"column {name!r} is the label by another name: each value stands for one class"


def _contradictions(splits: Mapping[str, Rows], classes: tuple[str, ...]) -> Iterator[str]:
    first: dict[bytes, tuple[str, int]] = {}
    found = 0
    example = ""
    for name, rows in splits.items():
        for i, key in enumerate(_keys(rows)):
            other, j = first.setdefault(key, (name, i))
            ours, theirs = rows.labels[i], splits[other].labels[j]
            if ours != theirs:
                found += 1
                example = example or (
                    f"{_called(splits[other], j, other)} is {classes[theirs]!r}, "
                    f"{_called(rows, i, name)} {classes[ours]!r}"
                )
    if found:
        those = "1 row is" if found == 1 else f"{found:,} rows are"
        yield f"{those} like another one but for the label: {example}"


def _called(rows: Rows, position: int, split: str) -> str:
    if rows.names is not None:
        return str(rows.names[position])
    if rows.place is not None:
        return rows.place(int(rows.rows[position]))
    return f"{split} row {rows.rows[position]:,}"


def _keys(rows: Rows) -> list[bytes]:
    """For each row what is the same for rows of the same features, whatever file they are from."""
    if isinstance(rows.features, Table):
        columns = rows.features.columns.values()
        features = np.stack([_comparable(column) for column in columns], axis=1)
    else:
        features = np.ascontiguousarray(rows.features)
    return [_digest(row) for row in features]


def _comparable(column: Values) -> NDArray[np.int64]:
    """Equal numbers for equal values, of any table."""
    if column.kind == "number":
        # Adding 0 makes of -0 the 0 that it equals.
        numbers: NDArray[np.int64] = (column.values + 0.0).view(np.int64)
        return numbers
    texts = [int.from_bytes(_digest(text.encode())[:7]) for text in column.categories]
    codes: NDArray[np.int64] = np.array([*texts, -1], np.int64)[column.values]
    return codes


def _digest(values: Any) -> bytes:
    return hashlib.blake2b(values, digest_size=16).digest()
