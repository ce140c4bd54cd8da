"""Arrays in a NumPy `.npz` file, read without unpickling anything."""

from __future__ import annotations

import math
import struct
import tokenize
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
    refuse_second_test,
)
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.config.sources import NpzConfig

DAMAGE = (
    *(EOFError, MemoryError, NotImplementedError, OSError, OverflowError, RuntimeError),
    *(SyntaxError, ValueError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What `zipfile` and NumPy raise for files that are not as they must be."""

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
        refuse_second_test(splits, config.path)
        others = _read_splits(config.test_path, config.weights, memory)
        test = others.get("test") or others.get("training")
        if test is None:
            raise MtrainError(f"{config.test_path}: no arrays x_test and y_test, or x and y")
        splits["test"] = test
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
    path: Path, names: Sequence[str], memory: float = math.inf
) -> dict[str, NDArray[Any]]:
    """The arrays of those names. Raises `MtrainError` for what cannot be read."""
    try:
        with zipfile.ZipFile(path) as file:
            there = {member.filename.removesuffix(".npy"): member for member in file.infolist()}
            if missing := [name for name in names if name not in there]:
                raise MtrainError(f"{path}: no array {missing[0]!r}; there is {', '.join(there)}")
            check_memory(sum(there[name].file_size for name in names), memory, str(path))
            return {name: _array(file, there[name]) for name in names}
    except DAMAGE as error:
        raise MtrainError(f"{path}: not arrays that can be read: {error}") from error


def _array(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with file.open(member) as content:
        array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
        return array


def array_names(path: Path) -> list[str]:
    """The names of all arrays; raises `MtrainError` as `read_members`."""
    try:
        with zipfile.ZipFile(path) as file:
            return [name.removesuffix(".npy") for name in file.namelist()]
    except DAMAGE as error:
        raise MtrainError(f"{path}: not arrays that can be read: {error}") from error


def _read_splits(path: str, weights: str | None, memory: int) -> dict[str, Rows]:
    """Those that the file has; `x` and `y` are the training split where there is no `x_train`."""
    file, *more = find_files(path, (".npz",))
    if more:
        raise MtrainError(f"{path}: {1 + len(more)} files; all arrays must be in one")
    there = array_names(file)
    suffixes = {split: f"_{name}" for split, name in SPLITS.items() if f"x_{name}" in there}
    if "training" not in suffixes and "x" in there:
        suffixes = {"training": "", **suffixes}
    kinds = ["x", "y", *([] if weights is None else [weights])]
    wanted = [f"{kind}{suffix}" for suffix in suffixes.values() for kind in kinds]
    arrays = read_members(file, wanted, memory)
    return {
        split: checked_rows(
            arrays[f"x{suffix}"],
            arrays[f"y{suffix}"],
            path,
            split,
            None if weights is None else arrays[f"{weights}{suffix}"],
        )
        for split, suffix in suffixes.items()
    }
