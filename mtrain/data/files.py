"""The files that a path names: itself, those of a folder, or those of a pattern."""

from __future__ import annotations

import glob
import gzip
import os
import re
from itertools import accumulate, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from mtrain.config.loading.paths import nearest_path
from mtrain.data.split_names import SPLIT_NAMES, split_called
from mtrain.errors import MissingPathError, MtrainError, Problem
from mtrain.escape import bytes_as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LARGE = 50_000_000
"""Size in bytes from which reading takes seconds."""

NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""In a folder's name, what stands for a missing value."""

BESIDE_SPLITS = {"of", "v", "set", "split", "data", "images", "final"}
"""Words in file names that do not matter for the split."""

REMEDY = "name files in dataset.path, dataset.val_path and dataset.test_path"


def find_files(path: str, endings: tuple[str, ...], split: str | None = "train") -> list[Path]:
    """The file at `path`; or all in that folder with one of `endings`; or all that match it.

    Sorted by name. Of a folder of splits (`train.csv` beside `test.csv`, or `train/` beside
    `test/`) those of `split`, `train`, `val` or `test`, alone; None: all files, whatever they are
    called. Raises `MtrainError` if there is no file, one is not a regular file, or a name looks
    like a split where splits are impossible.
    """
    files = _files_at(path, endings)
    if split is not None and (splits := _splits(path, files)):
        files = [file for file in files if splits[file] == split]
        if not files:
            raise MtrainError(f"no file of the {split} split", where=path)
    for file in files:
        if not file.exists():
            raise MissingPathError(
                path, Problem(f"no such file{nearest_path(file, endings)}", str(file))
            )
        # Reading a pipe or a device would block, or never end.
        if not file.is_file():
            raise MtrainError("not a file", where=file)
    return files


def shares_read(files: Sequence[Path]) -> Callable[[int, float], float]:
    """Gives what share of the bytes of all files is read: up to so many bytes of the one with a number."""
    sizes = [file.stat().st_size for file in files]
    before = [0, *accumulate(sizes)]
    return lambda number, done: min((before[number] + done) / max(before[-1], 1), 1)


def position(opened: BinaryIO) -> int:
    """How many bytes of a file are read; of a gzipped one, as it is packed."""
    return (opened.fileobj if isinstance(opened, gzip.GzipFile) else opened).tell()


def check_folder(path: str, expected: str) -> Path:
    """The folder at `path`; raises `MtrainError`, ending with what is expected, for anything else."""
    folder = Path(path)
    if folder.is_dir():
        return folder
    if folder.exists():
        raise MtrainError(f"not a folder; {expected}", where=path)
    problem = f"no such folder; {expected}{nearest_path(folder)}"
    raise MissingPathError(path, Problem(problem, path))


def find_splits(path: str, endings: tuple[str, ...]) -> set[str]:
    """The splits, of `train`, `val` and `test`, for which the folder at `path` has files.

    Raises `MtrainError` as `find_files` does.
    """
    return set(_splits(path, _files_at(path, endings)).values())


def partitions_of(file: Path, path: str) -> dict[str, str | None]:
    """The values in the names of folders between `path` and `file`, as in `year=2024/part.parquet`.

    None stands for a missing value.
    """
    if file == Path(path):
        return {}
    root = list(takewhile(lambda part: not glob.has_magic(part), Path(path).parts))
    named = (part.partition("=") for part in file.parts[len(root) : -1] if "=" in part)
    return {
        unquote(key).strip(): None if value == NO_PARTITION else unquote(value).strip() or None
        for key, _, value in named
    }


def has_ending(file: Path, endings: tuple[str, ...]) -> bool:
    """Whether its name ends in one of these, in any case."""
    return file.name.lower().endswith(endings)


def _files_at(path: str, endings: tuple[str, ...]) -> list[Path]:
    place = Path(path)
    if place.is_dir():
        files = _files_within(place, endings)
        if not files:
            plain = " or ".join(ending for ending in endings if not ending.endswith(".gz"))
            raise MtrainError(f"no {plain} file in this folder", where=path)
    elif not place.exists() and glob.has_magic(path):
        files = _matching(path)
        if not files:
            problem = f"no file matches this pattern{_folder_of(path)}"
            raise MissingPathError(path, Problem(problem, path))
    else:
        files = [place]
    return files


def _matching(pattern: str) -> list[Path]:
    """All paths that match the pattern."""
    return sorted(Path(name) for name in glob.glob(pattern))  # noqa: PTH207 -- it may be absolute


def _folder_of(pattern: str) -> str:
    """A suggestion for the missing folder of a pattern; empty if the folder exists."""
    folder = Path(pattern)
    while glob.has_magic(str(folder)):
        folder = folder.parent
    return "" if folder.exists() else nearest_path(folder)


def _files_within(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Including those of its folders that are a split, or rows of one value (`year=2024`)."""
    files: list[Path] = []
    for inner in sorted(folder.iterdir()):
        if inner.name.startswith("."):  # macOS leaves such files beside those it copies
            continue
        if has_ending(inner, endings):
            files.append(inner)
        elif inner.is_dir() and ("=" in inner.name or _split_of([inner.name])[0]):
            files += _files_within(inner, endings)
    return files


def _splits(path: str, files: Sequence[Path]) -> dict[Path, str]:
    """The split of each file in a folder of splits; empty if all files are of one split."""
    if len(files) == 1 and files[0] == Path(path):
        return {}
    root = Path(path) if Path(path).is_dir() else None
    splits, exact = _looks(files, root)
    different = set(splits.values())
    _refuse_second_file(path, splits, exact)
    if different <= {"train"} and not (exact and len(splits) < len(files)):
        return {}
    if other := [file for file in files if file not in splits]:
        known = next(iter(splits))
        raise MtrainError(
            f"{known.name} looks like a split, and {other[0].name} does not; {REMEDY}", where=path
        )
    if len(different) == 1:
        if root is not None and exact:
            raise MtrainError(
                f"{files[0].name} looks like a split, and no file is left to train on; {REMEDY}",
                where=path,
            )
        return {}  # such as results of tests
    if root is None:
        raise MtrainError(
            f"{files[0].name} and {files[-1].name} look like splits, and all files of a "
            f"pattern are read as one; {REMEDY}",
            where=path,
        )
    if "train" not in different:
        raise MtrainError(
            f"{files[0].name} looks like a split, and no file is left to train on; {REMEDY}",
            where=path,
        )
    return splits


def split_in(name: str) -> str | None:
    """The split, `train`, `val` or `test`, in a name such as `PrivateTest`; None: no split."""
    return _split_of([name])[0]


def _refuse_second_file(path: str, splits: Mapping[Path, str], exact: Mapping[Path, str]) -> None:
    """Raise `MtrainError` if a file is all of a split by its name, and another is of it as well.

    `test_old.csv` beside `test.csv` is as a rule a copy, or a part of it.
    """
    whole = {splits[file]: (file, name) for file, name in exact.items()}
    for file, split in splits.items():
        other, name = whole.get(split, (file, exact.get(file)))
        if exact.get(file) != name:
            raise MtrainError(
                f"{other.name} and {file.name} both look like the {split} split; {REMEDY}",
                where=path,
            )


def _looks(files: Sequence[Path], root: Path | None) -> tuple[dict[Path, str], dict[Path, str]]:
    """The split of each file whose name has one; and the names that are only a split.

    Such a name is the file's without the number of a part, or the folder's.
    """
    splits, exact = {}, {}
    for file in files:
        parts = (file.name,) if root is None else file.relative_to(root).parts
        split, name = _split_of([part for part in parts if "=" not in part])
        if split is not None:
            splits[file] = split
        if name is not None:
            exact[file] = name
    return splits, exact


def _split_of(parts: Sequence[str]) -> tuple[str | None, str | None]:
    """The split in the name of a file or of its folders; and the name if it is only a split.

    `train` and `train-00000-of-00002` are only splits; `iris_train`, `KDDTrain+`, `rows_train_v2`
    and `test_2020` may be something else.
    """
    for part in parts:
        stem = part.partition(".")[0]
        words = [word for word in _words(stem) if word not in BESIDE_SPLITS]
        stem = stem.lower()
        said = {SPLIT_NAMES[word] for word in words[:1] + words[-1:] if word in SPLIT_NAMES}
        if len(said) == 1:
            name = re.sub(r"-[0-9]+-of-[0-9]+$", "", stem)
            is_part = name != stem or part != parts[-1]
            is_all = split_called(name) is not None
            return said.pop(), (name if is_part else part.lower()) if is_all else None
    return None, None


def _words(name: str) -> list[str]:
    """In small letters; `KDDTrain` is two."""
    parted = re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return re.findall("[a-z]+", parted.lower())


def large_files(paths: Iterable[str | None]) -> str | None:
    """`big.csv, 212 MB`: the files at `paths`, if reading them takes more than a second or two."""
    places: list[Path] = []
    for path in filter(None, paths):
        # A missing path is reported when it is read.
        places += [Path(path)] if Path(path).exists() else _matching(path)
    n_bytes = sum(_bytes_at(place) for place in places)
    if n_bytes < LARGE:
        return None
    more = f" and {len(places) - 1:,} more" if len(places) > 1 else ""
    return f"{places[0]}{more}, {bytes_as_text(n_bytes)}"


def _bytes_at(place: Path) -> int:
    """The size of a file, or of all files in a folder."""
    files = [place]
    if place.is_dir():
        files = [Path(folder, name) for folder, _, names in os.walk(place) for name in names]
    return sum(file.stat().st_size for file in files if file.is_file())


def check_memory(
    n_bytes: int,
    memory: float,
    where: str,
    remedy: str = "data larger than that cannot be trained on yet",
) -> None:
    """Raise `MtrainError` if values would take more than `training.memory`."""
    if n_bytes > memory:
        raise MtrainError(
            f"its values take {bytes_as_text(n_bytes)} or more, beyond training.memory, "
            f"{bytes_as_text(memory)}; {remedy}",
            where=where,
        )
