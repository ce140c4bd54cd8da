"""A history within a checkpoint: its columns among the arrays, the rest in the state.

Times are not among the arrays, so that the arrays of two equal trainings are the same to the last
bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mtrain.metrics.history import History
from mtrain.records.run import Segment
from mtrain.run.history import COUNTS, Name, check_history, segment_as_json

if TYPE_CHECKING:
    from mtrain.records.arrays import Arrays, Shapes

GROUP = "history/"
"""The prefix of its arrays' names."""


@dataclass(frozen=True)
class HistoryHead:
    """The parts of a history that are not columns, and the names of its columns."""

    run: Name
    segments: tuple[Segment, ...]
    seconds: tuple[float, ...]
    scalars: tuple[Name, ...]
    counts: tuple[Literal["train", "val"], ...]
    per_class: Mapping[Literal["train", "val"], tuple[Name, ...]]


def history_head(history: History) -> dict[str, Any]:
    """A `HistoryHead` as plain data."""
    return {
        "run": history.run,
        "segments": [segment_as_json(segment) for segment in history.segments],
        "seconds": history.seconds,
        "scalars": list(history.scalars),
        "counts": list(history.counts),
        "per_class": {split: list(columns) for split, columns in history.per_class.items()},
    }


def history_arrays(history: History) -> Arrays:
    """The columns of E epochs and K classes by name.

    `history/scalars/<name>` of shape (E,), `history/counts/<split>/<count>` and
    `history/per_class/<split>/<metric>` of shape (E, K).
    """
    shape = len(history.epoch), len(history.classes)
    arrays: Arrays = {
        f"history/scalars/{name}": np.array(column, np.float64)
        for name, column in history.scalars.items()
    }
    for kind, splits, dtype in (
        ("counts", history.counts, np.int64),
        ("per_class", history.per_class, np.float64),
    ):
        for split, columns in splits.items():
            for name, rows in columns.items():
                arrays[f"history/{kind}/{split}/{name}"] = np.array(rows, dtype).reshape(shape)
    return arrays


def history_shapes(head: HistoryHead, epochs: int, n_classes: int) -> Shapes:
    """Type and shape of each array of a history of so many epochs.

    Raises `ValueError` if the head is of another number of epochs.
    """
    if len(head.seconds) != epochs:
        raise ValueError(f"its history has {len(head.seconds):,} epochs, its cursor {epochs:,}")
    shapes: Shapes = {f"history/scalars/{name}": ("float64", (epochs,)) for name in head.scalars}
    for split in head.counts:
        for key in COUNTS:
            shapes[f"history/counts/{split}/{key}"] = "int64", (epochs, n_classes)
    for split, names in head.per_class.items():
        for name in names:
            shapes[f"history/per_class/{split}/{name}"] = "float64", (epochs, n_classes)
    return shapes


def history_from_arrays(
    head: HistoryHead, classes: tuple[str, ...], epochs: int, arrays: Arrays
) -> History:
    """The history of `head` and `arrays`, which are those of `history_shapes`.

    Raises `KeyError` or `ValueError` for values that no history has.
    """
    history = History(
        run=head.run,
        classes=classes,
        epoch=list(range(1, epochs + 1)),
        seconds=list(head.seconds),
        scalars={name: arrays[f"history/scalars/{name}"].tolist() for name in head.scalars},
        counts={
            split: {name: list(arrays[f"history/counts/{split}/{name}"]) for name in COUNTS}
            for split in head.counts
        },
        per_class={
            split: {name: list(arrays[f"history/per_class/{split}/{name}"]) for name in names}
            for split, names in head.per_class.items()
        },
        segments=list(head.segments),
    )
    check_history(history)
    return history
