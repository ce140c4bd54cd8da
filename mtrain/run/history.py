"""`history.json` and `history.csv`: a history written and read back."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import orjson
from annotated_types import MaxLen
from pydantic import BaseModel, ConfigDict, TypeAdapter

from mtrain.config.experiment.dataset import LONGEST_NAME
from mtrain.errors import MtrainError
from mtrain.metrics.history import History
from mtrain.records.run import Segment
from mtrain.run.files import (
    MOST_BRACKETS,
    json_bytes,
    parse_json,
    read_bytes,
    write_bytes,
    write_csv,
)
from mtrain.run.reading import of_schema, reading, validated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SCHEMA = 1

LARGEST_FILE = 2_000_000_000
"""Bytes; a thousand epochs of ten thousand classes take a half of it."""

BYTES_PER_LIST = 6
"""Least bytes of a list of an epoch's classes, `[0,0],`: this limits the lists in a file of any
number of epochs."""

LARGEST = 1e100
"""A bound that no figure of a training reaches, and a chart's axis still can show."""


COUNTS: tuple[Literal["tp", "fp", "fn"], ...] = ("tp", "fp", "fn")

Name = Annotated[str, MaxLen(LONGEST_NAME)]
"""The name of a run, a class or a column."""

Split = Literal["train", "val"]
Numbers = list[float | None]


class _Columns(BaseModel):
    """The columns of `history.json`, by epoch; a column of classes has a list for each epoch."""

    model_config = ConfigDict(extra="forbid")

    run: Name
    classes: list[Name]
    epoch: list[int]
    seconds: Numbers
    history: dict[Name, Numbers]
    counts: dict[Split, dict[Literal["tp", "fp", "fn"], list[list[int]]]]
    per_class: dict[Split, dict[Name, list[Numbers]]]


@dataclass(frozen=True)
class _FileSegment(Segment):
    seconds: float | None = 0.0
    """The sum of its epochs'."""


class HistoryContent(_Columns):
    """All of `history.json` but its `schema`."""

    segments: list[_FileSegment]


_SEGMENTS = TypeAdapter(list[_FileSegment])


def history_as_json(history: History) -> dict[str, Any]:
    """The content of `history.json`."""
    return _as_json(history, lambda column: column)


class HistoryFile:
    """A history written again and again as `history.json`: only new epochs are turned into text."""

    def __init__(self, history: History, path: Path) -> None:
        self._history = history
        self._path = path
        self._texts: dict[int, tuple[int, bytes]] = {}

    def write(self, *, flush: bool = True) -> None:
        """Write the current history; `flush` as for `write_bytes`."""
        content = json_bytes(_as_json(self._history, self._as_text))
        write_bytes(self._path, content, flush=flush)

    def _as_text(self, column: list[Any]) -> orjson.Fragment:
        done, text = self._texts.get(id(column), (0, b""))
        new = json_bytes(column[done:])[1:-1]
        text = b",".join(part for part in (text, new) if part)
        self._texts[id(column)] = len(column), text
        return orjson.Fragment(b"[%b]" % text)


def _as_json(history: History, column: Callable[[list[Any]], Any]) -> dict[str, Any]:
    def by_key(columns: dict[str, list[Any]]) -> dict[str, Any]:
        return {key: column(values) for key, values in columns.items()}

    return {
        "schema": SCHEMA,
        "run": history.run,
        "classes": history.classes,
        "epoch": column(history.epoch),
        "seconds": column(history.seconds),
        "history": by_key(history.scalars),
        "counts": {split: by_key(columns) for split, columns in history.counts.items()},
        "per_class": {split: by_key(columns) for split, columns in history.per_class.items()},
        "segments": [
            {**segment_as_json(segment), "seconds": sum(history.seconds[first - 1 : last])}
            for segment in history.segments
            for first, last in [segment.epochs]
        ],
    }


def segment_as_json(segment: Segment) -> dict[str, Any]:
    """A segment as in `history.json` and a checkpoint's state."""
    data = {field.name: getattr(segment, field.name) for field in fields(segment)}
    return {key: value for key, value in data.items() if key != "differences" or value is not None}


def write_scalars(history: History, path: Path, *, flush: bool) -> None:
    """Write a history's scalars as `history.csv` at `path`; `flush` as for `write_bytes`."""
    columns = [history.epoch, history.seconds, *history.scalars.values()]
    header = ["epoch", "seconds", *history.scalars]
    write_csv(path, header, zip(*columns, strict=True), flush=flush)


def write_by_class(history: History, path: Path) -> None:
    """Write precision, recall, F1 and support of every class, epoch and split as CSV at `path`."""
    header = ["epoch", "split", "class", "precision", "recall", "f1", "support"]
    write_csv(path, header, _by_class(history))


def _by_class(history: History) -> Iterator[tuple[Any, ...]]:
    for index, epoch in enumerate(history.epoch):
        for split in history.counts:
            counts = history.class_counts(split, index)
            values = counts.precision, counts.recall, counts.f1, counts.support
            for name, *row in zip(history.classes, *map(np.ndarray.tolist, values), strict=True):
                yield epoch, split, name, *row


def read_history(path: Path) -> History:
    """Read the `history.json` at `path`, or that of the run directory at `path`.

    Raises `MtrainError` if it is not a history of this schema.
    """
    if not path.exists():
        raise MtrainError("no such file or run directory", where=path)
    if path.is_dir():
        file = path / "history.json"
        if not file.is_file():
            raise MtrainError(
                "not a run directory (no history.json)", where=path, remedy="`mtrain fit` makes one"
            )
        path = file
    content = read_bytes(path, LARGEST_FILE)
    data = parse_json(content, path, max(MOST_BRACKETS, len(content) // BYTES_PER_LIST))
    with reading(path, "a history"):
        return _from_json(data)


def _from_json(content: Any) -> History:
    """Raises `KeyError` or `ValueError` for columns of other lengths, and for invalid values."""
    data = of_schema(content, SCHEMA)
    segments = validated(_SEGMENTS, data.pop("segments"))
    columns = _Columns.model_validate(data, strict=True)
    epochs = len(columns.epoch)
    if columns.epoch != list(range(1, epochs + 1)):
        raise ValueError("epoch must count 1, 2, 3, ...")
    scalar, by_class = (epochs,), (epochs, len(columns.classes))
    history = History(
        run=columns.run,
        classes=tuple(columns.classes),
        epoch=columns.epoch,
        seconds=_array(columns.seconds, scalar, "seconds", np.float64).tolist(),
        scalars={
            name: _array(values, scalar, name, np.float64).tolist()
            for name, values in columns.history.items()
        },
        counts={
            split: {key: list(_array(of[key], by_class, key, np.int64)) for key in COUNTS}
            for split, of in columns.counts.items()
        },
        per_class={
            split: {
                name: list(_array(values, by_class, name, np.float64))
                for name, values in of.items()
            }
            for split, of in columns.per_class.items()
        },
        segments=[
            Segment(**{field.name: getattr(segment, field.name) for field in fields(Segment)})
            for segment in segments
        ],
    )
    check_history(history)
    return history


def check_history(history: History) -> None:
    """Raise `KeyError` or `ValueError` for columns, or segments, that no history has."""
    check_segments(history.segments, len(history.epoch))
    without_val = ["train"] if history.epoch else []
    splits = ["train", "val"] if "val" in history.counts else without_val
    if list(history.counts) != splits:
        raise ValueError(f"counts must be of train and val, got {', '.join(history.counts)}")
    for loss in ("loss", "val_loss")[: len(splits)]:
        if loss not in history.scalars:
            raise KeyError(loss)
    for columns in history.counts.values():
        for name, column in columns.items():
            if any((values < 0).any() for values in column):
                raise ValueError(f"{name} must not be negative")
    of_classes = [c for columns in history.per_class.values() for c in columns.items()]
    for name, values in [("seconds", history.seconds), *history.scalars.items(), *of_classes]:
        numbers = np.array(values, np.float64)
        if (np.abs(numbers[np.isfinite(numbers)]) > LARGEST).any():
            raise ValueError(f"{name} holds a number too large to be a figure")


def check_segments(segments: Sequence[Segment], epochs: int) -> None:
    """Raise `ValueError` for invalid segments of so many epochs."""
    if not segments and epochs:
        raise ValueError("a segment is missing")
    for segment in segments:
        first, last = segment.epochs
        if not 1 <= first <= last + 1 <= epochs + 1:
            raise ValueError(f"segments have epochs {first} to {last}")


def _array(
    values: Sequence[Any], shape: tuple[int, ...], key: str, dtype: type[np.generic]
) -> NDArray[Any]:
    """Numbers of JSON as an array, with NaN for None; raises `ValueError` for another shape."""
    array = np.array(values, dtype)  # raises for rows of other lengths
    if array.shape != shape and not (array.size == 0 and 0 in shape):
        raise ValueError(f"{key} must have the shape {shape}, got {array.shape}")
    return array.reshape(shape)
