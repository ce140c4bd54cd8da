"""IDX files, the format of MNIST: a magic number, big-endian sizes, then the values.

The format: Yann LeCun, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.files import check_folder, check_memory
from mtrain.data.source import (
    Rows,
    Source,
    all_from_test,
    check_alike,
    checked_rows,
    counted_from,
    counts_classes,
    largest_value,
    number_of_classes,
    offset_note,
    refuse_second_split,
)
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.config.experiment.sources import IdxConfig
    from mtrain.data.source import Request

MOST_DIMENSIONS = 64
"""The most dimensions of a NumPy array."""

_NAME = re.compile(
    r"(?P<set>.*?)(?P<split>train(?:ing)?|t10k|test)[-_. ]*(?P<kind>images?|labels?)"
    r"(?:[-_. ]*idx\d*)?(?:[-_. ]*u?byte)?(?:\.(?:idx|bin|dat))?(?P<packed>\.gz)?",
    re.IGNORECASE,
)
"""Names of IDX files: `train-images-idx3-ubyte`, `emnist-letters-test-labels.idx1-ubyte.gz`."""

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
"""Files of a folder by split: rows and labels, gzipped or not, in this or a similar spelling."""


def read(config: IdxConfig, request: Request) -> Source:
    """The splits in the folder at `config.path`, with the test split there or in another folder.

    If the request takes others, a folder without training files may have a test split, whose rows
    are all rows. Raises `MtrainError` for files that are missing, damaged, do not fit each other,
    or would take more than `memory` bytes.
    """
    folder, memory = Path(config.path), request.memory
    offset = config.offset
    there = [split for split, names in FILES.items() if any(idx_file(folder, n) for n in names)]
    splits = {}
    if not request.takes_others or there != ["test"]:
        splits["train"] = read_split(folder, "train", memory, offset)
    if "test" in there:
        splits["test"] = read_split(folder, "test", memory, offset)
    if config.test_path is not None:
        refuse_second_split("test", splits, config.path)
        splits["test"] = read_split(Path(config.test_path), "test", memory, offset)
    check_alike(splits, config.path)
    splits = all_from_test(splits)
    n_classes = number_of_classes([rows.labels for rows in splits.values()], config.path)
    return Source(
        splits["train"],
        None,
        splits.get("test"),
        tuple(map(str, range(offset, offset + n_classes))),
        largest=largest_value(splits["train"]),
        where=config.path,
        notes=offset_note(splits, offset, config.path),
        is_counted=counts_classes(config.classes),
    )


def read_split(folder: Path, split: str, memory: float = math.inf, offset: int = 0) -> Rows:
    """The two files of a split, `train` or `test`, in `folder`; raises `MtrainError`.

    `offset` is the smallest label, which is class 0.
    """
    check_folder(str(folder), "IDX files are expected here")
    files = {name: idx_file(folder, name) for name in FILES[split]}
    if missing := [name for name, file in files.items() if file is None]:
        inner = [place.name for place in sorted(folder.iterdir()) if _has_split(place, split)]
        hint = f"; there are such files in {' and '.join(map(repr, inner))}" if inner else ""
        raise MtrainError(
            f"no data set: {', '.join(missing)} missing (or with .gz){hint}", where=folder
        )
    rows, labels = (read_idx(file, memory) for file in files.values() if file is not None)
    labels = counted_from(labels, offset, str(folder), split)
    return checked_rows(rows, labels, str(folder), split)


def _has_split(folder: Path, split: str) -> bool:
    return folder.is_dir() and all(idx_file(folder, name) for name in FILES[split])


def idx_file(folder: Path, name: str) -> Path | None:
    """The file of that name, gzipped or not, in any usual spelling; None if there is no such file.

    Raises `MtrainError` if files of several data sets have that name.
    """
    exact = next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)
    if exact is not None or not folder.is_dir():
        return exact
    wanted = _meant(name)
    paths = sorted(path for path in folder.iterdir() if _meant(path.name) == wanted)
    files = [path for path in paths if path.is_file() and not path.name.startswith(".")]
    if len({path.name.lower().removesuffix(".gz") for path in files}) > 1:
        names = ", ".join(path.name for path in files)
        raise MtrainError(
            f"{names} could each be {name}; a folder is for one data set", where=folder
        )
    # Gzipped or not, they are the same.
    return files[0] if files else None


def is_idx_name(name: str) -> bool:
    """Whether a file of this name is one of IDX, as far as the name tells."""
    return _meant(name) is not None or bool(re.search(r"[._-]idx\d*([._-]?u?byte)?$", name.lower()))


def _meant(name: str) -> tuple[str, str] | None:
    """The split and whether it is of images or labels that a file's name says; None: neither."""
    if (match := _NAME.fullmatch(name)) is None:
        return None
    # `my_train_images` is of a data set, `contrain-images` is not of training.
    if match["set"] and match["set"][-1].isalnum():
        return None
    split = "train" if match["split"].lower().startswith("train") else "test"
    return split, "rows" if match["kind"].lower().startswith("image") else "labels"


def read_idx(path: Path, memory: float = math.inf) -> NDArray[Any]:
    """Read one file, gzipped or not, as its content tells.

    Raises `MtrainError` if it is not an IDX file, holds less or more than its header says, or more
    than `memory` bytes.
    """
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        at_most = math.inf if gzipped else path.stat().st_size
        with gzip.open(path) if gzipped else path.open("rb") as file:
            return _read(path, file, at_most, memory)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise MtrainError(f"damaged gzip file: {error}", where=path) from error
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=path) from error


def _read(path: Path, file: Any, at_most: float, memory: float) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or magic[3] == 0:
        raise MtrainError(
            f"not an IDX file: its magic number is {magic.hex() or 'missing'}", where=path
        )
    if magic[3] > MOST_DIMENSIONS:
        raise MtrainError(
            f"{magic[3]} dimensions announced; an array can have {MOST_DIMENSIONS}", where=path
        )
    dtype = np.dtype(_TYPES[magic[2]])
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise MtrainError(f"truncated: its header ends after {4 + len(sizes)} bytes", where=path)
    shape = struct.unpack(f">{magic[3]}I", sizes)
    size = math.prod(shape) * dtype.itemsize
    if size > at_most:
        raise MtrainError(
            f"truncated: {size:,} bytes announced, at most {at_most:,} found", where=path
        )
    check_memory(size, memory, str(path))
    # One byte more than announced: bytes after the values are damage, too.
    content = file.read(size + 1)
    if len(content) < size:
        raise MtrainError(
            f"truncated: {size:,} bytes announced, {len(content):,} found", where=path
        )
    if len(content) > size:
        raise MtrainError(f"holds more than the {size:,} bytes its header announces", where=path)
    try:
        values = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:  # of sizes that are too large beside one that is 0
        raise MtrainError(f"no array can have the sizes {shape}", where=path) from error
    return values.astype(dtype.newbyteorder("="), copy=False)
