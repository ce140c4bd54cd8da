"""Checkpoints: a directory of arrays, plain state and the hashes of both, written whole."""

from __future__ import annotations

import hashlib
import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mtrain.config.dataset import class_names
from mtrain.config.load import load_config
from mtrain.config.own_code import OwnModel
from mtrain.config.sources import TableConfig
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.history import History
from mtrain.records.training import MOST_THREADS
from mtrain.run.arrays import npz_bytes, read_arrays
from mtrain.run.encoding import encoding_as_json, encoding_from_json
from mtrain.run.files import (
    blaming,
    flush_directory,
    json_bytes,
    parse_json,
    read_bytes,
    whole_folder,
    write_bytes,
    write_text,
)
from mtrain.run.history_arrays import (
    GROUP,
    history_arrays,
    history_from_arrays,
    history_head,
    history_shapes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mtrain.config.schema import Config
    from mtrain.records.arrays import Arrays, Shapes
    from mtrain.records.dataset import Encoding
    from mtrain.run.directory import RunDirectory

SCHEMA = 6
ARRAYS = "arrays.npz"
STATE = "state.json"
SUMS = "SHA256SUMS"

NAME = re.compile(r"epoch-(\d{4,10})(?:-step-(\d{6,12}))?")

GROUPS = ("model/", "loss/", "optimizer/", "counts/")
"""What the names of a training's arrays begin with; those of the history have a group of theirs."""

LARGEST_STATE = 100_000_000
"""Bytes of `state.json` without epochs: config, encoding, and a line each time the run was resumed."""

BYTES_PER_EPOCH = 30
"""What the seconds of each epoch take in it at most."""

LARGEST_HEADER = 1000
"""Bytes that an array takes in the file beside its values."""

OUTSIDE = ("", ".", "..")
"""Parts of a path by which it would lead out of a folder, or not be plain."""

MOST_PER_PARAMETER = 4 * 5
"""Bytes: the float32 itself, and what the most elaborate optimizer remembers of it."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that training needs to continue, but for the arrays."""

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


def check_state_size(checkpoint: Checkpoint) -> None:
    """Raise `MtrainError` for a state that no checkpoint could be read with, before it is trained."""
    if (n_bytes := len(_state_bytes(checkpoint))) > LARGEST_STATE:
        raise MtrainError(
            f"its columns, categories and classes take {n_bytes:,} bytes in each checkpoint, at most "
            f"{LARGEST_STATE:,} can be read; dataset.exclude leaves out columns"
        )


def save_checkpoint(run: RunDirectory, checkpoint: Checkpoint, arrays: Arrays) -> str:
    """Write a checkpoint, in place of any of its name; returns its name."""
    name = checkpoint.name
    path = run.checkpoints / name
    with blaming(path):
        if not run.checkpoints.exists():
            run.checkpoints.mkdir()
            flush_directory(run.path)
    with whole_folder(path) as beside:
        write_bytes(beside / ARRAYS, npz_bytes(arrays | history_arrays(checkpoint.history)))
        write_bytes(beside / STATE, _state_bytes(checkpoint))
        write_text(beside / SUMS, _sums(beside))
    return name


def _state_bytes(checkpoint: Checkpoint) -> bytes:
    """The content of `state.json`."""
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
        "history": history_head(checkpoint.history),
    }
    return json_bytes(state)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint directory at `path`, but for its arrays, and run nothing it holds.

    Raises `MtrainError` where a file is missing, is not as its hash says, or is not a checkpoint's.
    """
    if not (match := NAME.fullmatch(path.name)):
        raise MtrainError(f"{path}: no name of a checkpoint")
    content = read_bytes(path / STATE, LARGEST_STATE + BYTES_PER_EPOCH * int(match[1]))
    listed = read_bytes(path / SUMS, at_most=1000)
    if hashlib.sha256(content).hexdigest().encode() not in listed:
        raise MtrainError(f"{path / STATE}: damaged: its hash is not that in {SUMS}")
    with _worded(path / STATE):
        state = _state(parse_json(content, path / STATE))
        checkpoint = _without_history(state)
        epochs, _ = (_whole(checkpoint.cursor, key, 0) for key in ("epoch", "step"))
        if checkpoint.name != path.name:
            raise ValueError(f"it is {checkpoint.name}")
        shapes = history_shapes(state["history"], epochs, len(checkpoint.classes))
    _check_size(path / ARRAYS, checkpoint, shapes)
    try:
        damaged = _sums(path).encode() != listed
    except OSError as error:
        raise MtrainError(f"{path}: cannot be read: {error.strerror}") from error
    if damaged:
        raise MtrainError(f"{path / ARRAYS}: damaged: its hash is not that in {SUMS}")
    columns = read_arrays(path / ARRAYS, shapes, GROUPS, is_finite=False)
    with _worded(path / STATE):
        history = history_from_arrays(state["history"], checkpoint.classes, epochs, columns)
        checkpoint = replace(checkpoint, history=history)
        _check_state(checkpoint)
    return checkpoint


def read_checkpoint_arrays(path: Path, shapes: Shapes, *groups: str) -> Arrays:
    """The arrays of `groups` of the checkpoint at `path`, which must be just those of `shapes`.

    Raises `MtrainError` for others, before any value is read.
    """
    ignored = tuple(group for group in (*GROUPS, GROUP) if group not in groups)
    return read_arrays(path / ARRAYS, shapes, ignored)


def _sums(path: Path) -> str:
    """The content of SHA256SUMS, as `sha256sum` writes and checks it."""
    lines = []
    for name in (ARRAYS, STATE):
        with (path / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)


def _check_size(path: Path, checkpoint: Checkpoint, of_history: Shapes) -> None:
    """Whether the arrays can be those of the config, before anything of either is made."""
    n_features, n_classes = checkpoint.encoding.n_features, len(checkpoint.classes)
    model = checkpoint.config.model
    if isinstance(model, OwnModel):
        return  # its own function alone knows
    parameters = model.parameters(n_features, n_classes)
    columns = sum(8 * math.prod(shape) + LARGEST_HEADER for _, shape in of_history.values())
    beyond = 4 * n_classes**2 + 1_000_000 + columns
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


@contextmanager
def _worded(path: Path) -> Iterator[None]:
    """Say of the state at `path` what is wrong with it, as `MtrainError`."""
    try:
        yield
    except UsageError as error:
        raise MtrainError(
            "\n".join(f"{path}: {line}" for line in str(error).split("\n"))
        ) from error
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as e:
        problem = f"no {e}" if isinstance(e, KeyError) else str(e)
        raise MtrainError(f"{path}: not a checkpoint's, as mtrain writes it: {problem}") from e


def _state(state: Any) -> dict[str, Any]:
    if not isinstance(state, dict):
        raise TypeError("not a mapping")
    if (schema := state["schema"]) != SCHEMA:
        remedy = "train it again: `mtrain fit` takes the run's config.yaml"
        raise ValueError(f"its schema is {schema!r:.40}, this mtrain reads {SCHEMA}; {remedy}")
    for key in ("config", "identity", "cursor", "history"):
        if not isinstance(state[key], dict):
            raise TypeError(f"{key} must be a mapping")
    return state


def _without_history(state: dict[str, Any]) -> Checkpoint:
    classes = _names(state["classes"])
    return Checkpoint(
        config=load_config(state["config"], {}),
        classes=classes,
        encoding=encoding_from_json(state["encoding"]),
        device=str(state["device"]),
        identity=_identity(state["identity"]),
        cursor=state["cursor"],
        seconds=float(state["seconds"]),
        best=state["best"],
        history=History("", classes),
    )


def _identity(identity: dict[str, Any]) -> dict[str, Any]:
    """Plain values, and of own code no file outside of the run: both are used as they are."""
    for key, value in identity.items():
        if not (value is None or isinstance(value, str | int | float | bool)):
            raise TypeError(f"identity: {key!r:.60} must be one value, got {value!r:.40}")
        kind, _, name = key.partition(".")
        if kind == "code" and ("\\" in name or not set(name.split("/")).isdisjoint(OUTSIDE)):
            raise ValueError(f"identity: {name!r:.60} cannot be a file of the run")
    return identity


def _check_state(checkpoint: Checkpoint) -> None:
    """Raise `TypeError` or `ValueError` for what no checkpoint says."""
    if not (math.isfinite(checkpoint.seconds) and checkpoint.seconds >= 0):
        raise ValueError(f"seconds must be a number from 0, got {checkpoint.seconds}")
    epochs = {f"epoch-{epoch:04}" for epoch in checkpoint.history.epoch}
    if checkpoint.best is not None and checkpoint.best not in epochs:
        raise ValueError(f"best must name one of its epochs, got {checkpoint.best!r:.40}")
    if isinstance(checkpoint.config.dataset, TableConfig) != bool(checkpoint.encoding.columns):
        raise ValueError("its encoding is of another source")
    validated = checkpoint.config.dataset.validation is not None
    if checkpoint.history.epoch and ("val" in checkpoint.history.counts) != validated:
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
