"""Arrays in a NumPy `.npz` file, read without unpickling anything."""

from __future__ import annotations

import math
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.files import check_memory, find_files
from mtrain.data.source import (
    Rows,
    Source,
    check_alike,
    checked_rows,
    largest_value,
    number_of_classes,
)
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.config.sources import NpzConfig

SPLITS = {"training": "train", "validation": "val", "test": "test"}


def read_npz_source(config: NpzConfig, *, memory: int) -> Source:
    """The splits in the file at `config.path`, the test split perhaps in a file of its own.

    Raises `MtrainError` for arrays that are missing, damaged, do not fit each other, or would take
    more than `memory` bytes.
    """
    splits = _read_splits(config.path, config.weights, memory)
    if "training" not in splits:
        raise MtrainError(f"{config.path}: no arrays x_train and y_train, or x and y")
    if config.test_path is not None:
        others = _read_splits(config.test_path, config.weights, memory)
        splits["test"] = others.get("test") or others["training"]
    check_alike(splits, config.path)
    n_classes = number_of_classes([rows.labels for rows in splits.values()], config.path)
    return Source(
        splits["training"],
        splits.get("validation"),
        splits.get("test"),
        tuple(map(str, range(n_classes))),
        largest=largest_value(splits["training"]),
        where=config.path,
    )


def read_members(
    path: Path, names: Iterable[str] | None = None, memory: float = math.inf
) -> dict[str, NDArray[Any]]:
    """The arrays of those names; None: all. Raises `MtrainError` for what cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise MtrainError(f"{path}: a single array; an .npz file of named arrays is needed")
            _check_size(path, memory)
            return {name: file[name] for name in names or file.files}
    except KeyError as error:
        raise MtrainError(f"{path}: no array {str(error).split()[0]}") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise MtrainError(f"{path}: not arrays that can be read: {error}") from error


def _check_size(path: Path, memory: float) -> None:
    with zipfile.ZipFile(path) as file:
        check_memory(sum(member.file_size for member in file.infolist()), memory, str(path))


def _read_splits(path: str, weights: str | None, memory: int) -> dict[str, Rows]:
    (file,) = find_files(path, (".npz",))
    arrays = read_members(file, memory=memory)
    if not any(f"x_{name}" in arrays for name in SPLITS.values()):
        suffixes = {"training": ""}
    else:
        suffixes = {split: f"_{name}" for split, name in SPLITS.items() if f"x_{name}" in arrays}

    def array(name: str) -> NDArray[Any]:
        if name not in arrays:
            raise MtrainError(f"{path}: no array {name!r}; there is {', '.join(arrays)}")
        return arrays[name]

    return {
        split: checked_rows(
            array(f"x{suffix}"),
            array(f"y{suffix}"),
            path,
            split,
            None if weights is None else array(f"{weights}{suffix}"),
        )
        for split, suffix in suffixes.items()
    }
