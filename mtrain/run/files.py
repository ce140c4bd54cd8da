"""Files written whole: beside, flushed to the disk, then renamed into place."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def write_bytes(path: Path, content: bytes) -> None:
    """Raises `MtrainError` where the disk does not take it; what was there before then stays."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        flush_directory(path.parent)
    except OSError as error:
        raise MtrainError(f"{path}: cannot be written: {error.strerror}") from error


def flush_directory(directory: Path) -> None:
    """Make the names in a directory last through a crash."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """UTF-8, on every system with the same line ends."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any, *, compact: bool = False) -> None:
    """NaN and infinities, which JSON lacks, become null; `compact` is many times as fast."""
    write_text(path, _dumps(data, indent=None) if compact else json_text(data))


def json_text(data: Any) -> str:
    """One JSON document; what is undefined (NaN) is null."""
    return _dumps(data, indent=1)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Comma-separated; an undefined number is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_inert(_without_nan(value)) for value in row] for row in rows)
    write_text(path, text.getvalue())


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as an uncompressed `.npz`."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_json(path: Path) -> Any:
    """Raises `MtrainError` for a file that is missing or is not one JSON document."""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text, parse_constant=_refuse_constant)
    except OSError as error:
        raise MtrainError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MtrainError(f"{path}: not JSON as mtrain writes it: {error}") from error


def _dumps(data: Any, indent: int | None) -> str:
    options: dict[str, Any] = {"indent": indent, "ensure_ascii": False, "allow_nan": False}
    try:
        return json.dumps(data, **options) + "\n"
    except (TypeError, ValueError):  # something is undefined, or NumPy's
        return json.dumps(_without_nan(data), **options) + "\n"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _without_nan(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, dict):
        return {key: _without_nan(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_without_nan(value) for value in data]
    if isinstance(data, np.ndarray | np.generic):
        return _without_nan(data.tolist())
    return data


def _inert(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is marked as text; numbers are none."""
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
