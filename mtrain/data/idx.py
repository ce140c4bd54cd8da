"""IDX files, the format of MNIST: a magic number, big-endian sizes, then the values.

The format: Yann LeCun, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.files import check_folder, check_memory
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
    from numpy.typing import NDArray

    from mtrain.config.sources import IdxConfig

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

FILES = {
    "training": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""Of a folder, by split: rows and labels, each gzipped or not."""


def read_idx_source(config: IdxConfig, *, memory: int) -> Source:
    """The splits in the folder at `config.path`, the test split perhaps in one of its own.

    Raises `MtrainError` for files that are missing, damaged, do not fit each other, or would take
    more than `memory` bytes.
    """
    folder = Path(config.path)
    splits = {"training": read_split(folder, "training", memory)}
    if any(idx_file(folder, name) for name in FILES["test"]):
        splits["test"] = read_split(folder, "test", memory)
    if config.test_path is not None:
        refuse_second_test(splits, config.path)
        splits["test"] = read_split(Path(config.test_path), "test", memory)
    check_alike(splits, config.path)
    n_classes = number_of_classes([rows.labels for rows in splits.values()], config.path)
    return Source(
        splits["training"],
        None,
        splits.get("test"),
        tuple(map(str, range(n_classes))),
        largest=largest_value(splits["training"]),
        where=config.path,
    )


def read_split(folder: Path, split: str, memory: int = 4_000_000_000) -> Rows:
    """The two files of a split, `training` or `test`, in `folder`; raises `MtrainError`."""
    check_folder(str(folder), "IDX files are expected here")
    files = {name: idx_file(folder, name) for name in FILES[split]}
    if missing := [name for name, file in files.items() if file is None]:
        raise MtrainError(f"{folder}: no data set: {', '.join(missing)} missing (or with .gz)")
    rows, labels = (read_idx(file, memory) for file in files.values() if file is not None)
    return checked_rows(rows, labels, str(folder), split)


def idx_file(folder: Path, name: str) -> Path | None:
    """The file of that name, gzipped or not; None where there is none."""
    return next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)


def read_idx(path: Path, memory: int = 4_000_000_000) -> NDArray[Any]:
    """Read one file, gzipped or not, told by its content.

    Raises `MtrainError` if it is no IDX file, holds less or more than its header says, or more than
    `memory` bytes.
    """
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        at_most = math.inf if gzipped else path.stat().st_size
        with gzip.open(path) if gzipped else path.open("rb") as file:
            return _read(path, file, at_most, memory)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MtrainError(f"{path}: damaged gzip file: {error}") from error
    except OSError as error:
        raise MtrainError(f"{path}: cannot be read: {error.strerror}") from error


def _read(path: Path, file: Any, at_most: float, memory: int) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise MtrainError(
            f"{path}: not an IDX file: its magic number is {magic.hex() or 'missing'}"
        )
    dtype = np.dtype(_TYPES[magic[2]])
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise MtrainError(f"{path}: truncated: its header ends after {4 + len(sizes)} bytes")
    shape = struct.unpack(f">{magic[3]}I", sizes)
    size = math.prod(shape) * dtype.itemsize
    if size > at_most:
        raise MtrainError(f"{path}: truncated: {size:,} bytes announced, at most {at_most:,} found")
    check_memory(size, memory, str(path))
    # One byte more than announced: what follows the values is a damage too.
    content = file.read(size + 1)
    if len(content) < size:
        raise MtrainError(f"{path}: truncated: {size:,} bytes announced, {len(content):,} found")
    if len(content) > size:
        raise MtrainError(f"{path}: holds more than the {size:,} bytes its header announces")
    values = np.frombuffer(content, dtype).reshape(shape)
    return values.astype(dtype.newbyteorder("="), copy=False)
