"""Arrays in an uncompressed `.npz`: written, and read without trusting the file."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.records import Arrays, Shapes

_DAMAGE = (
    *(EOFError, MemoryError, OverflowError, RecursionError, struct.error, RuntimeError),
    *(NotImplementedError, TypeError, ValueError, zipfile.BadZipFile),
)
"""What `zipfile` and NumPy raise for files that are not as they must be."""


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as an uncompressed `.npz`."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_arrays(path: Path, shapes: Shapes, ignored: tuple[str, ...] = ()) -> Arrays:
    """The arrays of the `.npz` at `path`, which must be just those of `shapes`.

    Those whose names begin with one of `ignored` are left alone. Names, types, shapes and sizes
    are compared before any value is read, and no pickle is ever loaded. Raises `MtrainError` for
    whatever is not as it must be.
    """
    try:
        with zipfile.ZipFile(path) as file:
            listed = [m for m in file.infolist() if not m.filename.startswith(ignored)]
            members = {member.filename.removesuffix(".npy"): member for member in listed}
            if len(members) < len(listed):
                raise ValueError("a name stands twice")
            problems = [f"{name} is missing" for name in shapes if name not in members]
            problems += [f"{name!r:.60} is not of it" for name in members if name not in shapes]
            problems += _mismatches(file, members, shapes)
            if not problems:
                arrays = {name: _read(file, member) for name, member in members.items()}
                problems = [
                    f"{name} holds a value that is not finite"
                    for name, array in arrays.items()
                    if not np.isfinite(array).all()
                ]
            if not problems:
                return arrays
    except OSError as error:
        raise MtrainError(f"{path}: cannot be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise MtrainError(f"{path}: not arrays as mtrain writes them: {error}") from error
    raise MtrainError(f"{path}: arrays do not fit the config: {'; '.join(problems[:5])}")


def _mismatches(
    file: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], shapes: Shapes
) -> Iterator[str]:
    """From the headers alone."""
    for name, (kind, shape) in shapes.items():
        if (member := members.get(name)) is None:
            continue
        if member.compress_type != zipfile.ZIP_STORED:
            yield f"{name} is compressed"
            continue
        with file.open(member) as content:
            found, start = _header(content)
        if found != (np.dtype(kind), shape):
            yield f"{name} must be {kind} {shape}, got {found[0]} {found[1]}"
        elif member.file_size != start + np.dtype(kind).itemsize * int(np.prod(shape)):
            yield f"{name} has {member.file_size:,} bytes, which its header denies"


def _header(content: Any) -> tuple[tuple[np.dtype[Any], tuple[int, ...]], int]:
    """Type and shape of an array, and where its values start."""
    if npy.read_magic(content) != (1, 0):
        raise ValueError("not the first version of NumPy's format")
    shape, is_fortran, dtype = npy.read_array_header_1_0(content)
    if is_fortran and len(shape) > 1:
        raise ValueError("an array in Fortran's order")
    return (dtype, shape), content.tell()


def _read(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with file.open(member) as content:
        (dtype, shape), _ = _header(content)
        return np.frombuffer(content.read(), dtype).reshape(shape).copy()
