"""Checkpoints: a directory of arrays, plain state and the hashes of both, written whole."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.config.dataset import class_names
from mtrain.config.load import load_config
from mtrain.config.own_code import OwnModel
from mtrain.config.sources import TableConfig
from mtrain.errors import MtrainError, UsageError
from mtrain.records import MOST_THREADS
from mtrain.run.arrays import npz_bytes, read_arrays
from mtrain.run.encoding import encoding_as_json, encoding_from_json
from mtrain.run.files import (
    LARGEST_JSON,
    flush_directory,
    json_bytes,
    parse_json,
    read_bytes,
    write_bytes,
    write_text,
)
from mtrain.run.history import history_as_json, history_from_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mtrain.config.schema import Config
    from mtrain.metrics.history import History
    from mtrain.records import Arrays, Encoding, Shapes
    from mtrain.run.directory import RunDirectory

SCHEMA = 3
ARRAYS = "arrays.npz"
STATE = "state.json"
SUMS = "SHA256SUMS"

NAME = re.compile(r"epoch-(\d{4,10})(?:-step-(\d{6,12}))?")

GROUPS = ("model/", "loss/", "optimizer/", "counts/")
"""What the names of arrays begin with."""

MOST_PER_PARAMETER = 4 * 5
"""Bytes: the float32 itself, and what the most elaborate optimizer remembers of it."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that training needs to go on, but for the arrays."""

    config: Config
    classes: tuple[str, ...]
    encoding: Encoding
    """How rows become inputs of the model."""

    device: str
    """The kind it was trained on, `cpu` or `gpu`."""

    identity: Mapping[str, Any]
    """What a resumed run must share to be the same to the last bit, by dotted key."""

    cursor: Mapping[str, Any]
    """Of the `TrainingState`."""

    seconds: float
    """How long the epoch under way has taken so far."""

    best: str | None
    """The name of the checkpoint of the best epoch so far."""

    history: History
    """Up to the last whole epoch."""

    @property
    def threads(self) -> int | None:
        """Threads that one operation had on the CPU; None where the file says nothing usable."""
        threads = self.identity.get("threads")
        return threads if type(threads) is int and 0 < threads <= MOST_THREADS else None

    @property
    def name(self) -> str:
        """`epoch-0007` after seven epochs, `epoch-0008-step-000350` within the next."""
        epoch, step = self.cursor["epoch"], self.cursor["step"]
        return f"epoch-{epoch + 1:04}-step-{step:06}" if step else f"epoch-{epoch:04}"


def save_checkpoint(run: RunDirectory, checkpoint: Checkpoint, arrays: Arrays) -> str:
    """Write a checkpoint, in place of any of its name; returns its name."""
    name = checkpoint.name
    path = run.checkpoints / name
    beside = run.checkpoints / f".{name}.tmp"
    state = {
        "schema": SCHEMA,
        "config": checkpoint.config.model_dump(mode="json"),
        "classes": checkpoint.classes,
        "encoding": encoding_as_json(checkpoint.encoding),
        "device": checkpoint.device,
        "identity": checkpoint.identity,
        "cursor": checkpoint.cursor,
        "seconds": checkpoint.seconds,
        "best": checkpoint.best,
        "history": history_as_json(checkpoint.history),
    }
    try:
        if not run.checkpoints.exists():
            run.checkpoints.mkdir()
            flush_directory(run.path)
        beside.mkdir()
        write_bytes(beside / ARRAYS, npz_bytes(arrays))
        write_bytes(beside / STATE, json_bytes(state))
        write_text(beside / SUMS, _sums(beside))
        remove_checkpoint(path)
        beside.rename(path)
        flush_directory(run.checkpoints)
    except OSError as error:
        raise MtrainError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return name


def remove_checkpoint(path: Path) -> None:
    """Remove the checkpoint at `path`, if there is one; raises `OSError`."""
    # Renamed first: what is half removed must not look like a checkpoint.
    old = path.with_name(f".{path.name}.old")
    if path.exists():
        shutil.rmtree(path.rename(old))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint directory at `path`, but for its arrays, and run nothing it holds.

    Raises `MtrainError` where a file is missing, is not as its hash says, or is not a checkpoint's.
    """
    content = read_bytes(path / STATE, LARGEST_JSON)
    listed = read_bytes(path / SUMS, at_most=1000)
    if hashlib.sha256(content).hexdigest().encode() not in listed:
        raise MtrainError(f"{path / STATE}: damaged: its hash is not that in {SUMS}")
    checkpoint = _from_json(parse_json(content, path / STATE), path / STATE)
    _check_size(path / ARRAYS, checkpoint)
    try:
        damaged = _sums(path).encode() != listed
    except OSError as error:
        raise MtrainError(f"{path}: cannot be read: {error.strerror}") from error
    if damaged:
        raise MtrainError(f"{path / ARRAYS}: damaged: its hash is not that in {SUMS}")
    return checkpoint


def read_checkpoint_arrays(path: Path, shapes: Shapes, *groups: str) -> Arrays:
    """The arrays of `groups` of the checkpoint at `path`, which must be just those of `shapes`.

    Raises `MtrainError` for others, before any value is read.
    """
    ignored = tuple(group for group in GROUPS if group not in groups)
    return read_arrays(path / ARRAYS, shapes, ignored)


def _sums(path: Path) -> str:
    """The content of SHA256SUMS, as `sha256sum` writes and checks it."""
    lines = []
    for name in (ARRAYS, STATE):
        with (path / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)


def _check_size(path: Path, checkpoint: Checkpoint) -> None:
    """Whether the arrays can be those of the config, before anything of either is made."""
    n_features, n_classes = checkpoint.encoding.n_features, len(checkpoint.classes)
    model = checkpoint.config.model
    if isinstance(model, OwnModel):
        return  # its own function alone knows
    parameters = model.parameters(n_features, n_classes)
    beyond = 4 * n_classes**2 + 1_000_000
    least = 4 * parameters
    most: float = MOST_PER_PARAMETER * parameters + beyond
    if checkpoint.config.own_code:
        most = math.inf  # it alone knows how much it remembers
    try:
        size = path.stat().st_size
    except OSError as error:
        raise MtrainError(f"{path}: cannot be read: {error.strerror}") from error
    if not path.is_file() or not least <= size <= most:
        raise MtrainError(
            f"{path}: {size:,} bytes cannot be the arrays of its config's {parameters:,} parameters"
        )


def _from_json(state: Any, path: Path) -> Checkpoint:
    try:
        checkpoint = _read_state(state, path)
        _check_state(checkpoint, path)
    except UsageError as error:
        raise MtrainError(
            "\n".join(f"{path}: {line}" for line in str(error).split("\n"))
        ) from error
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
        problem = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise MtrainError(f"{path}: not a checkpoint's, as mtrain writes it: {problem}") from error
    return checkpoint


def _read_state(state: Any, path: Path) -> Checkpoint:
    if state["schema"] != SCHEMA:
        raise ValueError(f"its schema is {state['schema']!r:.40}, this mtrain reads {SCHEMA}")
    if not isinstance(state["config"], dict):
        raise TypeError("config must be a mapping")
    return Checkpoint(
        config=load_config(state["config"], {}),
        classes=_names(state["classes"]),
        encoding=encoding_from_json(state["encoding"]),
        device=str(state["device"]),
        identity=dict(state["identity"]),
        cursor=dict(state["cursor"]),
        seconds=float(state["seconds"]),
        best=state["best"],
        history=history_from_json(state["history"], path),
    )


def _check_state(checkpoint: Checkpoint, path: Path) -> None:
    """Raise `TypeError`, `ValueError` or `KeyError` for what no checkpoint says."""
    for key in ("epoch", "step"):
        _whole(checkpoint.cursor, key, 0)
    if not (math.isfinite(checkpoint.seconds) and checkpoint.seconds >= 0):
        raise ValueError(f"seconds must be a number from 0, got {checkpoint.seconds}")
    epochs = {f"epoch-{epoch:04}" for epoch in checkpoint.history.epoch}
    if checkpoint.best is not None and checkpoint.best not in epochs:
        raise ValueError(f"best must name one of its epochs, got {checkpoint.best!r:.40}")
    if checkpoint.name != path.parent.name:
        raise ValueError(f"it is {checkpoint.name}")
    history = checkpoint.history
    if len(history.epoch) != checkpoint.cursor["epoch"]:
        raise ValueError("its history is of other epochs")
    if history.classes != checkpoint.classes:
        raise ValueError("its history is of other classes")
    if isinstance(checkpoint.config.dataset, TableConfig) != bool(checkpoint.encoding.columns):
        raise ValueError("its encoding is of another source")
    validated = checkpoint.config.dataset.validation is not None
    if history.epoch and ("val" in history.counts) != validated:
        raise ValueError("its history is of another config")


def _names(names: Any) -> tuple[str, ...]:
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise TypeError("classes must be names")
    try:
        return class_names(tuple(names))
    except ValueError as error:
        raise ValueError(f"classes: {error}") from error


def _whole(mapping: Mapping[str, Any], key: str, at_least: int) -> int:
    value = mapping[key]
    if type(value) is not int or value < at_least:
        raise ValueError(f"{key} must be a number from {at_least}, got {value!r:.40}")
    return value
