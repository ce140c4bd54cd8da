"""Arrays in an `.npz`: written, and read without trust in the file."""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError
from mtrain.records.training import CONFUSION, SEEN
from mtrain.run.files import attributing_errors, open_whole, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.records.arrays import Arrays, Shapes

_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00\{'descr': '([<>|]\w+)', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,15}, )*(?:\d{1,15},?)?)\), \} *\n"
)

_DAMAGE = (
    *(EOFError, NotImplementedError, OverflowError, RuntimeError, struct.error, ValueError),
    zipfile.BadZipFile,
)
"""What `zipfile` and NumPy raise for damaged files."""

_END_OF_DIRECTORY = struct.Struct("<4s8xI6x")
"""The last bytes of a zip file without a comment: mark, ..., bytes of its directory, ..."""

NUMBERS = "bfiu"
"""Kinds of NumPy types: truth values, real numbers, whole numbers with and without a sign."""

LARGEST_DIRECTORY = 1_000_000
"""Bytes that list the arrays; 100 layers need a fifth of it."""


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays as an `.npz`, uncompressed but for counts of a training that are mostly alike.

    Raises `MtrainError` if the disk refuses it, or if they are too many to be read again.
    """
    buffer = io.BytesIO()  # a system call a file, not several an array: trainings save often
    _write(buffer, arrays.items(), path)
    write_bytes(path, buffer.getbuffer())


def write_each_array(path: Path, arrays: Iterable[tuple[str, NDArray[Any]]]) -> None:
    """As `write_arrays`, one after the other: they need not be in memory together."""
    with open_whole(path) as file, attributing_errors(path):
        _write(file, arrays, path)


def _write(file: IO[bytes], arrays: Iterable[tuple[str, NDArray[Any]]], path: Path) -> None:
    """Write what is to be the file at `path`."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays:
            member = zipfile.ZipInfo(f"{name}.npy")  # with a fixed date, like NumPy's
            member.compress_type = _compression(name)
            with archive.open(member, "w", force_zip64=True) as content:
                np.lib.format.write_array(content, array, allow_pickle=False)
    if file.tell() - archive.start_dir > LARGEST_DIRECTORY:
        raise MtrainError(f"{len(archive.filelist):,} arrays are too many", where=path)


def read_arrays(
    path: Path,
    shapes: Shapes,
    ignored: tuple[str, ...] = (),
    *,
    within: str = "",
    is_finite: bool = True,
) -> Arrays:
    """The arrays of the `.npz` at `path`, which must be exactly those of `shapes`.

    Those whose names begin with one of `ignored`, or not with `within`, are left alone. Names, types,
    shapes and sizes are compared before any value is read, and no pickle is ever loaded. Every value must be finite,
    unless not `is_finite`. Raises `MtrainError` for any deviation.
    """
    with _opened(path) as file:
        own = [m for m in file.infolist() if m.filename.startswith(within)]
        listed = [m for m in own if not m.filename.startswith(ignored)]
        members = {member.filename.removesuffix(".npy"): member for member in listed}
        if len(members) < len(listed):
            raise ValueError("a name stands twice")
        problems = [f"{name} is missing" for name in shapes if name not in members]
        problems += [f"{name!r:.60} is not of it" for name in members if name not in shapes]
        problems += _mismatches(file, members, shapes)
        if not problems:
            arrays = {name: _read(file, members[name], *shapes[name]) for name in shapes}
            problems = [
                f"{name} holds a value that is not finite"
                for name, array in arrays.items()
                if is_finite and not np.isfinite(array).all()
            ]
        if not problems:
            return arrays
    raise MtrainError(f"arrays do not fit the config: {'; '.join(problems[:5])}", where=path)


def stored_shapes(path: Path, ignored: tuple[str, ...] = ()) -> Shapes:
    """Types and shapes of the arrays of the `.npz` at `path`, as their headers tell them.

    For files of which nothing else tells them. Names that begin with one of `ignored` are left out.
    Raises `MtrainError` for a file that is not an `.npz`, and for an array that is not of numbers.
    """
    shapes: Shapes = {}
    with _opened(path) as file:
        for member in file.infolist():
            if member.filename.startswith(ignored):
                continue
            with file.open(member) as content:
                (kind, shape), _ = _header(content)
            if (dtype := np.dtype(kind)).kind not in NUMBERS:
                raise ValueError(f"{member.filename!r:.60} is not of numbers")
            shapes[member.filename.removesuffix(".npy")] = dtype.name, shape
    return shapes


def stored_bytes(path: Path, ignored: tuple[str, ...]) -> int:
    """The bytes of the arrays of the `.npz` at `path`; arguments and errors are as for `stored_shapes`."""
    with _opened(path) as file:
        members = [member for member in file.infolist() if not member.filename.startswith(ignored)]
        return sum(member.file_size for member in members)


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The file, whose list of arrays is short; raises `MtrainError` for what is wrong in it."""
    if not path.is_file():
        raise MtrainError("not a file", where=path)
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as file:
            yield file
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=path) from error
    except (*_DAMAGE, TypeError) as error:
        raise MtrainError(f"not arrays as mtrain writes them: {error}", where=path) from error


def _compression(name: str) -> int:
    """How an array is stored: uncompressed, so that a file holds no more than its size.

    But a confusion matrix of thousands of classes has a few counts among millions of zeros, and every
    row was seen as often as the others.
    """
    return zipfile.ZIP_DEFLATED if name in {CONFUSION, SEEN} else zipfile.ZIP_STORED


def _check_directory(path: Path) -> None:
    """Whether the list of arrays is short: `zipfile` reads it completely."""
    with path.open("rb") as file:
        file.seek(-min(_END_OF_DIRECTORY.size, path.stat().st_size), os.SEEK_END)
        mark, size = _END_OF_DIRECTORY.unpack(file.read())
    if mark != b"PK\5\6" or size > LARGEST_DIRECTORY:
        raise ValueError("its end is not that of a short list of arrays")


def _mismatches(
    file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], shapes: Shapes
) -> Iterator[str]:
    """From the headers alone."""
    for name, (kind, shape) in shapes.items():
        if (member := members.get(name)) is None:
            continue
        if member.compress_type != _compression(name):
            yield f"{name} is not stored as mtrain stores it"
            continue
        with file.open(member) as content:
            header, start = _header(content)
        if header != (np.dtype(kind).str, shape):
            yield f"{name} must be {kind} {shape}, got {header[0]} {header[1]}"
        elif member.file_size != start + np.dtype(kind).itemsize * math.prod(shape):
            yield f"{name} has {member.file_size:,} bytes, which its header denies"


def _header(content: IO[bytes]) -> tuple[tuple[str, tuple[int, ...]], int]:
    """Type and shape of an array in C order, and where its values start."""
    start = content.read(10)
    length = int.from_bytes(start[8:], "little")
    # Not by NumPy, which evaluates it as Python: this is exactly what NumPy writes.
    match = _HEADER.fullmatch(start[:8] + content.read(length))
    if match is None:
        raise ValueError("an array without the header that NumPy writes")
    sizes = (size for size in match[2].decode().split(",") if size.strip())
    return (match[1].decode(), tuple(int(size) for size in sizes)), 10 + length


def _read(
    file: zipfile.ZipFile, member: zipfile.ZipInfo, kind: str, shape: tuple[int, ...]
) -> NDArray[Any]:
    with file.open(member) as content:
        _header(content)
        return np.frombuffer(content.read(), kind).reshape(shape).copy()
