"""What is in a data set, and what in it makes a training fail or lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data import learn, read_checked, split_source
from mtrain.data.encoding import encode
from mtrain.data.notes import unknown_categories
from mtrain.data.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mtrain.config.sources import SourceConfig
    from mtrain.data.source import Rows, Source
    from mtrain.data.table import Values
    from mtrain.records import Encoding, Ints

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


def inspect(config: SourceConfig, *, memory: int) -> Inspection:
    """Read, split and look at the data set; raises `MtrainError` as `load_dataset` does."""
    source = read_checked(config, memory=memory, download=False)
    classes = source.classes if config.classes is None else config.classes
    splits = split_source(source, config)
    encoding = learn(source, config, splits["train"])
    encoded = {name: encode(rows, encoding, source.where) for name, rows in splits.items()}
    counts = {
        name: np.bincount(rows.labels, minlength=len(classes)) for name, rows in splits.items()
    }
    everything = {name: _keys(rows) for name, rows in source.splits.items()}
    columns = source.train.features.columns if isinstance(source.train.features, Table) else {}
    return Inspection(
        source.where,
        classes,
        counts,
        encoding,
        _missing(source),
        sum(split.features.nbytes for split, _ in encoded.values()),
        (
            *source.notes,
            *unknown_categories({name: unknown for name, (_, unknown) in encoded.items()}),
            *_class_warnings(counts, classes),
            *_column_warnings(columns, source.train.labels),
            *_shared_rows({name: _keys(rows) for name, rows in splits.items()}),
            *_contradictions(everything, source.splits, classes),
        ),
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
        missing = [split for split, some in counts.items() if some[k] == 0]
        if missing:
            yield f"class {name!r} has no row in {' and '.join(missing)}"
        elif (n := counts["train"][k]) < FEW_ROWS:
            yield f"class {name!r} has only {n} rows to train on"
    test = counts["test"]
    if (share := test.max() / test.sum()) >= LOPSIDED:
        yield (
            f"to answer {classes[int(test.argmax())]!r} always has accuracy {share:.3f} on test: "
            "look at the recall of the others"
        )


def _column_warnings(columns: Mapping[str, Values], labels: NDArray[np.int32]) -> Iterator[str]:
    seen: dict[bytes, str] = {}
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
        pairs = np.unique(codes.astype(np.int64) * (labels.max() + 1) + labels)
        if len(distinct) == len(pairs) == len(np.unique(labels)):
            yield f"column {name!r} is the label by another name: each value stands for one class"


def _shared_rows(keys: Mapping[str, list[bytes]]) -> Iterator[str]:
    """Rows to validate or test on that were trained on."""
    trained = set(keys["train"])
    for split in ("val", "test"):
        if shared := sum(key in trained for key in keys.get(split, [])):
            yield f"{shared:,} of {len(keys[split]):,} {split} rows are in train as well"


def _contradictions(
    keys: Mapping[str, list[bytes]], splits: Mapping[str, Rows], classes: tuple[str, ...]
) -> Iterator[str]:
    first: dict[bytes, tuple[str, int]] = {}
    found = 0
    example = ""
    for name, rows in splits.items():
        for i, key in enumerate(keys[name]):
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
