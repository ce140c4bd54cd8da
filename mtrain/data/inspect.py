"""Summarise a data set and flag likely problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.column_notes import column_notes
from mtrain.data.markers import marker_notes
from mtrain.data.notes import by_class, kind_of
from mtrain.data.row_hashes import row_hashes, table_hashes
from mtrain.data.table import Table
from mtrain.data.telling_splits import telling_split_notes
from mtrain.records.dataset import Note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.data.source import Rows, Source
    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Dataset, Encoding
    from mtrain.records.rivals import RivalTrial
    from mtrain.records.suspects import SuspectTrial

FEW_ROWS = 10
"""Training rows of a class: fewer are hardly learned, and their learning cannot be measured."""

LOPSIDED = 0.9
"""Share of the most frequent class from which accuracy says nothing about the others."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """A data set as a training would use it."""

    source: str
    classes: tuple[str, ...]
    counts: Mapping[str, Ints]
    """Rows of each class, shape (K,), by split."""

    encoding: Encoding
    missing: Mapping[str, int]
    """Rows without a value, by column of a table that has such."""

    n_bytes: int
    """Bytes of the encoded rows."""

    warnings: tuple[Note, ...]

    facts: tuple[str, ...] = ()
    """How it was read, where nothing is wrong."""

    suspects: SuspectTrial | None = None
    """How far lists of suspects can be trusted on it; None: this was not tried."""

    rivals: RivalTrial | None = None
    """What simpler models reach on it; None: this was not tried."""

    def __repr__(self) -> str:
        rows = sum(int(counts.sum()) for counts in self.counts.values())
        return (
            f"<Inspection of {self.source}: {rows:,} rows, {len(self.classes):,} classes, "
            f"{len(self.warnings):,} warnings>"
        )


def inspect(source: Source, dataset: Dataset) -> Inspection:
    """Inspect the rows as read, and the splits made of them."""
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
            *(Note(kind_of(note), note) for note in dataset.notes),
            *_class_warnings(counts, classes),
            *column_notes(columns, source.index),
            *marker_notes(columns),
            *telling_split_notes(source.splits, source.index),
            *_contradictions(source.splits, classes),
        ),
        source.facts,
    )


def _missing(source: Source) -> dict[str, int]:
    """Rows of all splits without a value, by column."""
    tables = [rows.features for rows in source.splits.values() if isinstance(rows.features, Table)]
    names = tables[0].columns if tables else ()
    counts = {
        name: sum(int(np.count_nonzero(table.columns[name].missing)) for table in tables)
        for name in names
    }
    return {name: count for name, count in counts.items() if count}


def _class_warnings(counts: Mapping[str, Ints], classes: tuple[str, ...]) -> Iterator[Note]:
    absent, rare = {}, {}
    for k, name in enumerate(classes):
        if (n := counts["train"][k]) == 0:
            continue  # another note reports it
        if sum(rows[k] for rows in counts.values()) == 1:
            rare[name] = "a single row in all; whether it is learned cannot be measured"
            continue
        if lacking := [split for split, rows in counts.items() if rows[k] == 0]:
            absent[name] = " and ".join(lacking)
        if n < FEW_ROWS:
            rare[name] = f"only {n} row{'' if n == 1 else 's'} to train on"
    yield from by_class(
        "absent-class",
        absent,
        "class {name} has no row in {text}",
        lambda which: f"{which} have no row in some split",
    )
    yield from by_class(
        "rare-class",
        rare,
        "class {name} has {text}",
        lambda which: f"{which} have fewer than {FEW_ROWS} rows to train on",
    )
    test = counts["test"]
    if (share := test.max() / test.sum()) >= LOPSIDED:
        text = (
            f"always answering {classes[int(test.argmax())]!r} has accuracy {share:.3f} on test: "
            "look at the recall of the others"
        )
        yield Note("imbalance", text)


def _contradictions(splits: Mapping[str, Rows], classes: tuple[str, ...]) -> Iterator[Note]:
    """A note if rows are alike, in whichever splits, but for the label."""
    hashes = np.concatenate([_hashes(rows) for rows in splits.values()])
    labels = np.concatenate([rows.labels for rows in splits.values()])
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    differs = labels != labels[first][group]  # from the first row that is alike
    if not differs.any():
        return
    n_rows = int(np.isin(group, group[differs]).sum())
    there = int(differs.argmax())
    (one, its), (two, theirs) = (
        (_called(splits, row), classes[labels[row]]) for row in (int(first[group[there]]), there)
    )
    text = f"{n_rows:,} rows differ from another one only in the label: {one} is {its!r}, {two} {theirs!r}"
    yield Note("contradiction", text)


def _called(splits: Mapping[str, Rows], row: int) -> str:
    """What a row is called, counted from 0 through all splits."""
    sizes = [len(rows) for rows in splits.values()]
    number = int(np.searchsorted(np.cumsum(sizes), row, side="right"))
    split, rows = list(splits.items())[number]
    position = row - sum(sizes[:number])
    if rows.names is not None:
        return str(rows.names[position])
    if rows.place is not None:
        return rows.place(int(rows.rows[position]))
    return f"{split} row {rows.rows[position]:,}"


def _hashes(rows: Rows) -> NDArray[np.uint64]:
    features = rows.features
    return table_hashes(features) if isinstance(features, Table) else row_hashes(features)
