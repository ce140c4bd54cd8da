"""What is worth saying of a data set before it is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.unknown import unknown_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records import Split


def dataset_notes(
    splits: dict[str, Split], unknown: dict[str, dict[str, int]], classes: tuple[str, ...]
) -> Iterator[str]:
    """Categories `unknown` to training, by split and column; classes without rows; rows seen twice.

    The last two only where there is a training split among `splits`.
    """
    yield from _unknown(splits, unknown)
    if "train" in splits:
        yield from _absent(splits, classes)
        yield from _shared(splits)


def _unknown(splits: dict[str, Split], unknown: dict[str, dict[str, int]]) -> Iterator[str]:
    """A line for each split and column with rows of a category that training had not."""
    for split, columns in unknown.items():
        for column, rows in columns.items():
            yield f"{split}: {unknown_note(column, rows, len(splits[split]))}"


def _absent(splits: dict[str, Split], classes: tuple[str, ...]) -> Iterator[str]:
    counts = {
        name: np.bincount(rows.labels, minlength=len(classes)) for name, rows in splits.items()
    }
    for k in np.flatnonzero(counts["train"] == 0):
        elsewhere = [f"{some[k]:,} of {name}" for name, some in counts.items() if some[k]]
        what = (
            f"has {' and '.join(elsewhere)}, which cannot be learned" if elsewhere else "has none"
        )
        yield f"class {classes[k]!r} has no row to train on; it {what}"


def _shared(splits: dict[str, Split]) -> Iterator[str]:
    # Hashes of 64 bits: the rows themselves would be there once more.
    known = {hash(row.tobytes()) for row in splits["train"].features}
    for name in ("val", "test"):
        if name not in splits:
            continue
        rows = splits[name].features
        if n := sum(hash(row.tobytes()) in known for row in rows):
            yield f"{n:,} of {len(rows):,} rows of {name} are in the training split as well"
