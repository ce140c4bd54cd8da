"""A history within a checkpoint: its columns among the arrays, the rest in the state.

Times are of the rest, so that the arrays of two equal trainings are the same to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.metrics.history import History
from mtrain.run.history import check_history, read_names, read_numbers, read_segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtrain.records.arrays import Arrays, Shapes

GROUP = "history/"
"""What the names of its arrays begin with."""

COUNTS = ("tp", "fp", "fn")


def history_head(history: History) -> dict[str, Any]:
    """What of a history is no column, and which columns it has."""
    return {
        "run": history.run,
        "segments": history.segments,
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


def history_shapes(head: Mapping[str, Any], epochs: int, n_classes: int) -> Shapes:
    """Type and shape of each array of a history of so many epochs, by the head of its state.

    Raises `KeyError`, `TypeError` or `ValueError` for what is no head.
    """
    if len(head["seconds"]) != epochs:
        raise ValueError(f"its history has {len(head['seconds']):,} epochs, its cursor {epochs:,}")
    shapes: Shapes = {
        f"history/scalars/{name}": ("float64", (epochs,)) for name in read_names(head["scalars"])
    }
    for split in read_names(head["counts"]):
        for name in COUNTS:
            shapes[f"history/counts/{split}/{name}"] = "int64", (epochs, n_classes)
    for split, names in head["per_class"].items():
        for name in read_names(names):
            shapes[f"history/per_class/{split}/{name}"] = "float64", (epochs, n_classes)
    return shapes


def history_from_arrays(
    head: Mapping[str, Any], classes: tuple[str, ...], epochs: int, arrays: Arrays
) -> History:
    """The history of `head` and `arrays`, which are those of `history_shapes`.

    Raises `KeyError`, `TypeError` or `ValueError` for values that no history has.
    """
    (run,) = read_names([head["run"]])
    history = History(
        run=run,
        classes=classes,
        epoch=list(range(1, epochs + 1)),
        seconds=read_numbers(head["seconds"], (epochs,), "seconds", np.float64),
        scalars={name: arrays[f"history/scalars/{name}"].tolist() for name in head["scalars"]},
        counts={
            split: {name: list(arrays[f"history/counts/{split}/{name}"]) for name in COUNTS}
            for split in head["counts"]
        },
        per_class={
            split: {name: list(arrays[f"history/per_class/{split}/{name}"]) for name in names}
            for split, names in head["per_class"].items()
        },
        segments=read_segments(head["segments"], epochs),
    )
    check_history(history)
    return history
