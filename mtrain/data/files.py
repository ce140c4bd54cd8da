"""The files that a path names: itself, those of a folder, or those of a pattern."""

from __future__ import annotations

import glob
from pathlib import Path

from mtrain.errors import MtrainError


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
            raise MtrainError(f"{path}: no file matches this pattern")
    else:
        found = [place]
    for file in found:
        if not file.exists():
            raise MtrainError(f"{file}: no such file")
        # A pipe or a device would be waited for, or never end.
        if not file.is_file():
            raise MtrainError(f"{file}: not a file")
    return found


def _is_data(file: Path, endings: tuple[str, ...]) -> bool:
    """MacOS leaves hidden files of the same ending beside those it copies."""
    return file.suffix.lower() in endings and not file.name.startswith(".")


def check_memory(
    n_bytes: int,
    memory: float,
    where: str,
    remedy: str = "data larger than that cannot be trained on yet",
) -> None:
    """Raise `MtrainError` where values would take more than `training.memory`."""
    if n_bytes > memory:
        raise MtrainError(
            f"{where}: its values take {_size(n_bytes)} or more, beyond training.memory, "
            f"{_size(memory)}; {remedy}"
        )


def _size(n_bytes: float) -> str:
    units = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "bytes": 1}
    unit, size = next((unit, size) for unit, size in units.items() if n_bytes >= size)
    return f"{n_bytes / size:.3g} {unit}"
