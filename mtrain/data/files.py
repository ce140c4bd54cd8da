"""The files that a path names: itself, those of a folder, or those of a pattern."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.paths import nearest_path
from mtrain.errors import MissingPathError, MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGE = 50_000_000
"""Bytes of files whose reading takes seconds."""


def find_files(path: str, endings: tuple[str, ...]) -> list[Path]:
    """The file at `path`; or all in that folder with one of `endings`; or all that match it.

    Sorted by name. Raises `MtrainError` where there is none, or one is no regular file.
    """
    place = Path(path)
    if place.is_dir():
        found = sorted(p for p in place.iterdir() if _is_data(p, endings))
        if not found:
            raise MtrainError(f"{path}: no {' or '.join(endings)} file in this folder")
        if splits := [file for file in found if file.stem in {"train", "val", "test"}]:
            raise MtrainError(
                f"{path}: {splits[0].name} looks like a split, and all files of a folder are read "
                "as one; name files in dataset.path and dataset.test_path"
            )
    elif not place.exists() and glob.has_magic(path):
        found = sorted(Path(name) for name in glob.glob(path))  # noqa: PTH207 -- the pattern may be absolute
        if not found:
            raise MissingPathError(path, f"{path}: no file matches this pattern{_folder_of(path)}")
    else:
        found = [place]
    for file in found:
        if not file.exists():
            raise MissingPathError(path, f"{file}: no such file{nearest_path(file)}")
        # A pipe or a device would be waited for, or never end.
        if not file.is_file():
            raise MtrainError(f"{file}: not a file")
    return found


def check_folder(path: str, expected: str) -> Path:
    """The folder at `path`; raises `MtrainError`, which ends with what is expected, for another."""
    folder = Path(path)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise MtrainError(f"{path}: not a folder; {expected}")
    raise MissingPathError(path, f"{path}: no such folder; {expected}{nearest_path(folder)}")


def _folder_of(pattern: str) -> str:
    """What is near to the folder of a pattern that is not there; empty where it is."""
    folder = Path(pattern)
    while glob.has_magic(str(folder)):
        folder = folder.parent
    return "" if folder.exists() else nearest_path(folder)


def _is_data(file: Path, endings: tuple[str, ...]) -> bool:
    """MacOS leaves hidden files of the same ending beside those it copies."""
    return file.suffix.lower() in endings and not file.name.startswith(".")


def large_files(paths: Iterable[str | None]) -> str | None:
    """`big.csv, 212 MB`: the files at `paths`, where reading them takes more than a second or two."""
    places = [place for path in paths if path is not None for place in _places(path)]
    n_bytes = sum(_bytes_at(place) for place in places)
    if n_bytes < LARGE:
        return None
    more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
    return f"{places[0]}{more}, {_size(n_bytes)}"


def _places(path: str) -> list[Path]:
    """What a path names; nothing where nothing is there, which is told when it is read."""
    if Path(path).exists():
        return [Path(path)]
    return sorted(Path(name) for name in glob.glob(path))  # noqa: PTH207 -- the pattern may be absolute


def _bytes_at(place: Path) -> int:
    """Of a file, or of all files in a folder."""
    files = [place]
    if place.is_dir():
        files = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
    return sum(file.stat().st_size for file in files if file.is_file())


def check_memory(n_bytes: int, memory: float, where: str) -> None:
    """Raise `MtrainError` where values would take more than `training.memory`."""
    if n_bytes > memory:
        raise MtrainError(
            f"{where}: its values take {_size(n_bytes)} or more, beyond training.memory, "
            f"{_size(memory)}; data larger than that cannot be trained on yet"
        )


def _size(n_bytes: float) -> str:
    units = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "bytes": 1}
    unit, size = next((unit, size) for unit, size in units.items() if n_bytes >= size)
    return f"{n_bytes / size:.3g} {unit}"
