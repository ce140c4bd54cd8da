"""The data of a training, its rows on the device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mtrain.data.class_weights import zero_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mtrain.engine.feed import Feed
    from mtrain.records.dataset import Dataset


@dataclass(frozen=True, eq=False)
class PreparedData:
    """A data set whose training rows are on the device alone; several trainings may share it."""

    dataset: Dataset
    """Without the training rows."""

    feed: Feed
    rows: Mapping[str, int]
    """Number of rows by split, `train`, `val` and `test`."""

    notes: tuple[str, ...]
    """On the data set and the weights of its rows."""


def prepare_data(dataset: Dataset) -> PreparedData:
    """Put the training rows on the device of the scope that this is called in."""
    from mtrain.engine.feed import Feed

    feed = Feed(dataset.train)
    others = {name: rows for name, rows in dataset.splits.items() if name != "train"}
    return PreparedData(
        replace(dataset, splits=others),
        feed,
        {name: len(rows) for name, rows in dataset.splits.items()},
        notes_on(dataset),
    )


def notes_on(dataset: Dataset) -> tuple[str, ...]:
    """On the data set and the weights of its rows, before they are prepared."""
    return (*dataset.notes, *zero_weights(dataset))
