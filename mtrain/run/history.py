"""`history.json` and `history.csv`: a history written and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from mtrain.config.dataset import LONGEST_NAME
from mtrain.errors import MtrainError
from mtrain.metrics.history import History
from mtrain.run.files import (
    MOST_BRACKETS,
    json_bytes,
    parse_json,
    read_bytes,
    write_bytes,
    write_csv,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMA = 1

LARGEST_FILE = 2_000_000_000
"""Bytes; a thousand epochs of ten thousand classes take a half of it."""

BYTES_PER_LIST = 6
"""The least that a list of an epoch's classes takes, `[0,0],`: a file has no more lists than that
allows, however many epochs it is of."""

LARGEST = 1e100
"""What no figure of a training reaches, and a chart's axis still can."""


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
        """Write what there is now; `flush` as for `write_bytes`."""
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
            {**segment, "seconds": sum(history.seconds[first - 1 : last])}
            for segment in history.segments
            for first, last in [segment["epochs"]]
        ],
    }


def write_scalars(history: History, path: Path) -> None:
    """Write a history's scalars as `history.csv` at `path`."""
    columns = [history.epoch, history.seconds, *history.scalars.values()]
    header = ["epoch", "seconds", *history.scalars]
    write_csv(path, header, zip(*columns, strict=True))


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

    Raises `MtrainError` for what is no history of this schema.
    """
    if not path.exists():
        raise MtrainError(f"{path}: no such file or run directory")
    if path.is_dir():
        file = path / "history.json"
        if not file.is_file():
            raise MtrainError(
                f"{path}: not a run directory (no history.json); `mtrain fit` makes one"
            )
        path = file
    content = read_bytes(path, LARGEST_FILE)
    most_lists = max(MOST_BRACKETS, len(content) // BYTES_PER_LIST)
    return _history_from_json(parse_json(content, path, most_lists), path)


def _history_from_json(data: Any, path: Path) -> History:
    try:
        return _from_json(data)
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        problem = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise MtrainError(f"{path}: not a history as mtrain writes it: {problem:.200}") from error


def _from_json(data: Any) -> History:
    if not isinstance(data, dict):
        raise TypeError("not a mapping")
    if data["schema"] != SCHEMA:
        raise ValueError(f"its schema is {data['schema']!r}, this mtrain reads {SCHEMA}")
    run, *classes = read_names([data["run"], *data["classes"]])
    epochs = len(data["epoch"])
    history = History(
        run=run,
        classes=tuple(classes),
        epoch=read_numbers(data["epoch"], (epochs,), "epoch", np.int64),
        seconds=read_numbers(data["seconds"], (epochs,), "seconds", np.float64),
        scalars={
            key: read_numbers(values, (epochs,), key, np.float64)
            for key, values in data["history"].items()
        },
        segments=read_segments(data["segments"], epochs),
    )
    if history.epoch != list(range(1, epochs + 1)):
        raise ValueError("epoch must count 1, 2, 3, ...")
    shape = (epochs, len(classes))
    for split, columns in data["counts"].items():
        history.counts[split] = {
            key: read_numbers(columns[key], shape, key, np.int64) for key in ("tp", "fp", "fn")
        }
    for split, columns in data["per_class"].items():
        history.per_class[split] = {
            key: read_numbers(values, shape, key, np.float64) for key, values in columns.items()
        }
    check_history(history)
    return history


def check_history(history: History) -> None:
    """Raise `KeyError` or `ValueError` for columns that no history has."""
    some = ["train"] if history.epoch else []
    splits = ["train", "val"] if "val" in history.counts else some
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


def read_names(names: Any) -> list[str]:
    """The names of a run, of classes or of columns; raises `TypeError` for what is no such list."""
    if not isinstance(names, list):
        raise TypeError(f"names must be a list, got {names!r:.40}")
    for name in names:
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            raise TypeError(f"names must be text of at most {LONGEST_NAME} characters")
    return names


def read_segments(segments: Any, epochs: int) -> list[dict[str, Any]]:
    """Each with the keys that mtrain gives them, and no others.

    Raises `KeyError`, `TypeError` or `ValueError` for what are no segments of so many epochs.
    """
    if not isinstance(segments, list) or not (segments or epochs == 0):
        raise TypeError("segments must be a list of what was trained in one go")
    return [_segment(segment, epochs) for segment in segments]


def _segment(segment: Any, epochs: int) -> dict[str, Any]:
    first, last = segment["epochs"]
    if not (type(first) is type(last) is int and 1 <= first <= last + 1 <= epochs + 1):
        raise ValueError(f"segments have epochs {first!r:.20} to {last!r:.20}")
    known: dict[str, Any] = {"epochs": [first, last]}
    for key in ("started", "resumed_from", "host", "ended"):
        text = segment.get(key)
        if not (text is None or (isinstance(text, str) and text.isprintable())):
            raise TypeError(f"{key} must be text, got {text!r:.20}")
        known[key] = text
    if (found := segment.get("differences")) is not None:
        known["differences"] = {key: [was, now] for key, (was, now) in found.items()}
        json_bytes(known)  # text that is none would come up when it is written
    return known


def read_numbers(
    values: Any, shape: tuple[int, ...], key: str, dtype: type[np.generic]
) -> list[Any]:
    """The numbers of JSON as a list, of arrays where they are of classes; null is NaN.

    Raises `TypeError` or `ValueError` where they are not of that shape and type.
    """
    array = np.array(values, dtype=object)
    kinds = {float, int, type(None)} if dtype is np.float64 else {int}
    if array.shape != shape and not (array.size == 0 and 0 in shape):
        raise ValueError(f"{key} must have the shape {shape}, got {array.shape}")
    if wrong := {type(value) for value in array.flat} - kinds:
        whole = "whole " if dtype is np.int64 else ""
        raise TypeError(f"{key} must be {whole}numbers, got {wrong.pop().__name__}")
    numbers = np.where(array == None, np.nan, array).astype(dtype)  # noqa: E711 -- elementwise
    return list(numbers.reshape(shape)) if len(shape) > 1 else list(numbers.tolist())
