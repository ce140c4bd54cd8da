"""What an image belongs to, and its time, from its name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mtrain.data.columns import as_categories
from mtrain.data.groups import number_groups
from mtrain.data.times import read_times
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from mtrain.config.experiment.sources import ImagesConfig
    from mtrain.data.source import Request, Rows
    from mtrain.records.arrays import Ints


def with_groups_and_times(
    splits: dict[str, Rows], config: ImagesConfig, request: Request
) -> dict[str, Rows]:
    """The rows of each split with what `dataset.groups` and `dataset.time` find in their names.

    Raises `MtrainError` naming an image in whose name they find nothing, or no time.
    """
    if config.groups is not None:
        found = {split: _found(rows, "groups", config.groups) for split, rows in splits.items()}
        numbers = number_groups({split: as_categories(texts) for split, texts in found.items()})
        splits = {split: replace(rows, groups=numbers[split]) for split, rows in splits.items()}
    if config.time is not None:
        train = splits["train"]
        try:
            splits = {**splits, "train": replace(train, times=_times(train, config.time))}
        except MtrainError:
            # Data for a trained model need no times if they will not be split.
            if request.encoding is None:
                raise
    return splits


def _times(rows: Rows, pattern: str) -> Ints:
    """The place of each image's time in their order."""
    times = read_times(_found(rows, "time", pattern), typed=False)
    if times.wrong.any():
        raise _about(rows, times.wrong, f"its dataset.time is not {times.expected}")
    return times.ranks


def _found(rows: Rows, key: str, pattern: str) -> pa.ChunkedArray:
    """The first group of the pattern in each name, or all that it matches if it has no group."""
    names = [] if rows.names is None else [PurePath(str(name)).name for name in rows.names]
    matches = [re.search(pattern, name) for name in names]
    texts = [match and (match[1] if match.re.groups else match[0]) for match in matches]
    missing = np.array([not text for text in texts])
    if missing.any():
        raise _about(rows, missing, f"dataset.{key}, {pattern!r:.60}, finds nothing in its name")
    return pa.chunked_array([pa.array(texts, pa.string())])


def _about(rows: Rows, wrong: np.ndarray, problem: str) -> MtrainError:
    """The problem of the first of these images, and the number of the others."""
    more = int(np.count_nonzero(wrong)) - 1
    others = f"; likewise {more:,} more image{'s' * (more > 1)}" if more else ""
    name = "" if rows.names is None else str(rows.names[int(wrong.argmax())])
    return MtrainError(f"{problem}{others}", where=name)
