"""Checkpoints: a directory of arrays, plain state and the hashes of both, written whole."""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.load import load_config
from mtrain.errors import MtrainError, UsageError
from mtrain.records import Arrays, TrainingState
from mtrain.run.directory import RunDirectory
from mtrain.run.files import (
    flush_directory,
    npz_bytes,
    read_json,
    write_bytes,
    write_json,
    write_text,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.config.schema import Config

SCHEMA = 1
ARRAYS = "arrays.npz"
STATE = "state.json"
SUMS = "SHA256SUMS"

_NAME = re.compile(r"epoch-\d{4,}(-step-\d{6,})?")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a model is, and all that its training needs to go on."""

    config: Config
    classes: tuple[str, ...]
    n_features: int
    device: str
    """The kind it was trained on, `cpu` or `gpu`."""

    scaler: Arrays
    """What scaling learned from the training split, by name."""

    training: TrainingState
    history: dict[str, Any]
    """The content of `history.json` so far."""

    @property
    def name(self) -> str:
        """`epoch-0007` after seven epochs, `epoch-0008-step-000350` within the next."""
        epoch, step = self.training.cursor["epoch"], self.training.cursor["step"]
        return f"epoch-{epoch + 1:04}-step-{step:06}" if step else f"epoch-{epoch:04}"


def save_checkpoint(run: RunDirectory, checkpoint: Checkpoint) -> str:
    """Write the checkpoint, unless it is there; returns its name."""
    name = checkpoint.name
    path = run.checkpoints / name
    if path.exists():
        return name
    beside = run.checkpoints / f".{name}.tmp"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        scaler = {f"scaler/{key}": array for key, array in checkpoint.scaler.items()}
        write_bytes(beside / ARRAYS, npz_bytes(checkpoint.training.arrays | scaler))
        write_json(
            beside / STATE,
            {
                "schema": SCHEMA,
                "config": checkpoint.config.model_dump(mode="json"),
                "classes": list(checkpoint.classes),
                "n_features": checkpoint.n_features,
                "device": checkpoint.device,
                "cursor": checkpoint.training.cursor,
                "history": checkpoint.history,
            },
            compact=True,
        )
        sums = (f"{_sha256(beside / file)}  {file}\n" for file in (ARRAYS, STATE))
        write_text(beside / SUMS, "".join(sums))
        flush_directory(beside)
        beside.rename(path)
        flush_directory(run.checkpoints)
    except OSError as error:
        raise MtrainError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return name


def point_to(run: RunDirectory, **pointers: str) -> None:
    """Write `best` and `last`, and drop the checkpoints that neither names."""
    for pointer, name in pointers.items():
        write_text(run.checkpoints / pointer, f"{name}\n")
    kept = {_pointed(run, pointer) for pointer in ("best", "last")}
    for path in run.checkpoints.iterdir():
        if path.is_dir() and _NAME.fullmatch(path.name) and path.name not in kept:
            # Renamed first: what is half removed must not look like a checkpoint.
            old = path.with_name(f".{path.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            try:
                shutil.rmtree(path.rename(old))
            except OSError as error:
                raise MtrainError(f"{path}: cannot be removed: {error.strerror}") from error


@dataclass(frozen=True)
class CheckpointPlace:
    """Where a checkpoint is, and what it is to its run."""

    run: RunDirectory
    path: Path
    is_best: bool
    is_own: bool
    """Whether it is the one that the run directory itself means: its best, or else its last."""


def find_checkpoint(path: Path) -> CheckpointPlace:
    """The checkpoint that `path` means: a run directory, or one directory under `checkpoints/`.

    Raises `MtrainError` for anything else.
    """
    if not path.exists():
        raise MtrainError(f"{path}: no such run or checkpoint; `mtrain fit` makes one")
    named = (path / STATE).is_file()
    if named and path.absolute().parent.name != "checkpoints":
        raise MtrainError(f"{path}: a checkpoint must lie in the checkpoints folder of its run")
    run = RunDirectory(path.absolute().parent.parent) if named else RunDirectory(path)
    best, last = _pointed(run, "best"), _pointed(run, "last")
    name = path.name if named else best or last
    if name is None:
        raise MtrainError(
            f"{path}: neither a run directory with a checkpoint nor a checkpoint (no {STATE}); "
            "`mtrain fit` makes one"
        )
    return CheckpointPlace(
        run, run.checkpoints / name, is_best=name == best, is_own=name == (best or last)
    )


def read_checkpoint(path: Path) -> Checkpoint:
    """Read the checkpoint directory at `path`, without running anything it holds.

    Raises `MtrainError` where a file is missing, is not as its hash says, or is not a checkpoint's.
    """
    _check_sums(path)
    state = read_json(path / STATE)
    try:
        if state["schema"] != SCHEMA:
            raise MtrainError(
                f"{path}: its schema is {state['schema']!r}, this mtrain reads {SCHEMA}"
            )
        _check_state(state)
        with np.load(path / ARRAYS, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        scaler = {
            name.removeprefix("scaler/"): arrays.pop(name)
            for name in list(arrays)
            if name.startswith("scaler/")
        }
        return Checkpoint(
            config=load_config(state["config"], {}),
            classes=tuple(state["classes"]),
            n_features=state["n_features"],
            device=state["device"],
            scaler=scaler,
            training=TrainingState(arrays, state["cursor"]),
            history=state["history"],
        )
    except UsageError as error:
        raise MtrainError(f"{path / STATE}: {error}") from error
    except (KeyError, TypeError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise MtrainError(f"{path}: not a checkpoint as mtrain writes it: {error}") from error


def _pointed(run: RunDirectory, pointer: str) -> str | None:
    """The checkpoint that `best` or `last` names; None where the file is missing."""
    path = run.checkpoints / pointer
    if not path.is_file():
        return None
    name = path.read_text(encoding="utf-8", errors="replace").strip()
    if not _NAME.fullmatch(name):
        raise MtrainError(f"{path}: names no checkpoint, but {name!r:.60}")
    return name


def _check_sums(path: Path) -> None:
    try:
        lines = (path / SUMS).read_text(encoding="utf-8").splitlines()
        sums = dict(line.split("  ", 1)[::-1] for line in lines)
        for file in (ARRAYS, STATE):
            if sums.get(file) != _sha256(path / file):
                raise MtrainError(f"{path / file}: damaged: its hash is not that in {SUMS}")
    except OSError as error:
        raise MtrainError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MtrainError(f"{path / SUMS}: damaged") from error


def _check_state(state: dict[str, Any]) -> None:
    """Raise `TypeError` or `ValueError` for what no checkpoint says."""
    classes, n_features = state["classes"], state["n_features"]
    if not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise TypeError("classes must be names")
    if len(classes) < 2:
        raise ValueError(f"classes must be at least 2, got {len(classes)}")
    if type(n_features) is not int or n_features < 1:
        raise ValueError(f"n_features must be a positive number, got {n_features!r}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
