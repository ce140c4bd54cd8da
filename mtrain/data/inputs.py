"""Rows to predict: no labels, columns by name, everything else as training had it."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.sources import IdxConfig, ImagesConfig, NpzConfig, TableConfig
from mtrain.data.encoding import encode
from mtrain.data.files import check_memory, has_ending
from mtrain.data.idx import is_idx_name, read_idx
from mtrain.data.source import Rows, checked_rows
from mtrain.data.unknown import unknown_note
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.dataset import DatasetConfig
    from mtrain.data.table import Table
    from mtrain.records import Encoding, Split

TABLES = {
    "csv": (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz"),
    "parquet": (".parquet", ".pq"),
}


def read_inputs(
    path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> tuple[Split, tuple[str, ...]]:
    """The rows at `path`, in their order, as a training with `config` encoded its own.

    Also what is worth saying of them. For a model of tables `path` is a CSV or Parquet file, or a
    folder or pattern of them; for others an `.npz` file with `x_test` or `x`, an IDX file (without
    an ending or gzipped), an image, or a folder of images. The labels of the split mean nothing.
    Raises `MtrainError` for rows that are missing, damaged or not like those of the training.
    """
    left_out = 0
    done: tuple[str, ...] = ()
    if isinstance(config, TableConfig):
        rows, left_out = _read_table(path, config, encoding, memory)
    elif not (path.is_file() or path.is_dir()):
        # A pipe or a device would be waited for, or never end.
        raise MtrainError(f"{path}: {'not a file' if path.exists() else 'no such file or folder'}")
    elif path.is_file() and (path.suffix.lower() in {".npz", ".gz", ""} or is_idx_name(path.name)):
        rows = _read_arrays(path, memory)
    elif _is_of_images(config, encoding):
        rows, done = _read_images(path, config, encoding, memory)
    else:
        raise MtrainError(f"{path}: a model of arrays predicts an .npz file with the array 'x'")
    split, unknown = encode(rows, encoding, str(path))
    notes = [unknown_note(column, n, len(split)) for column, n in unknown.items()]
    if left_out:
        notes.insert(0, f"{path}: {left_out:,} rows left out, which miss values")
    return split, (*done, *notes)


def _read_table(
    path: Path, config: TableConfig, encoding: Encoding, memory: int
) -> tuple[Rows, int]:
    """The rows, and how many are left out: those that miss a value, where training did so, too."""
    from mtrain.data.columns import complaint
    from mtrain.data.tables import COLUMNS, READERS, check_columns, read_features

    kind = _kind_of_table(path)
    kinds = {column.name: column.kind for column in encoding.columns}
    check_columns(str(path), COLUMNS[kind](str(path), split=None), kinds)
    raw = READERS[kind](str(path), list(kinds), memory, split=None)
    table = read_features(raw, kinds, remedy=None)
    missing = {name: column.missing for name, column in table.columns.items()}
    rows = _unlabelled(table)
    if config.missing == "drop":
        rows = rows.take(np.flatnonzero(~np.logical_or.reduce(list(missing.values()))))
    elif config.missing is None and (gaps := {n: m for n, m in missing.items() if m.any()}):
        problem = "is missing; training had no row without it"
        raise MtrainError("\n".join(complaint(raw, name, problem, gaps[name]) for name in gaps))
    if not len(rows):
        raise MtrainError(f"{path}: there is no row to predict")
    return rows, len(raw) - len(rows)


def table_kind(path: Path) -> str | None:
    """`csv` or `parquet`, by the ending of the file, of the pattern, or of what is in the folder.

    None: it is neither.
    """
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        for kind, endings in TABLES.items():
            if has_ending(file, endings):
                return kind
    return None


def _kind_of_table(path: Path) -> str:
    if kind := table_kind(path):
        return kind
    known = ", ".join(
        ending for endings in TABLES.values() for ending in endings if not ending.endswith(".gz")
    )
    raise MtrainError(f"{path}: a model of a table predicts files that end in {known}")


def _read_arrays(path: Path, memory: int) -> Rows:
    if path.suffix.lower() == ".npz":
        from mtrain.data.npz import array_names, find_features, read_members

        found = find_features(array_names(path))
        name = found.get("test") or found.get("training") or "x"
        features = read_members(path, [name], memory)[name]
    else:
        features = read_idx(path, memory=memory)
    n = len(features) if features.ndim else 0
    return checked_rows(features, np.zeros(n, np.int32), str(path), "given")


def _is_of_images(config: DatasetConfig, encoding: Encoding) -> bool:
    """Whether the pixels of an image, as they are, mean what the training's rows did."""
    is_shape = len(encoding.shape) == 2 or (len(encoding.shape) == 3 and encoding.shape[2] == 3)
    return is_shape and (encoding.divisor == 255 or not isinstance(config, NpzConfig | IdxConfig))


def _read_images(
    path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> tuple[Rows, tuple[str, ...]]:
    """The rows, and what was done to the images."""
    from mtrain.data.image_files import ENDINGS, WHITE, as_depth, image_facts, sayings
    from mtrain.data.images import read_pixels, walk_images

    known = ", ".join(sorted(ENDINGS))
    if path.is_dir():
        files = sorted(walk_images(path))
        if not files:
            raise MtrainError(f"{path}: no images ({known}) in this folder")
    elif path.suffix.lower() in ENDINGS:
        files = [path]
    else:
        raise MtrainError(
            f"{path}: a model of images predicts an image ({known}), a folder of them, or an .npz "
            "file with the array 'x'"
        )
    resize, is_wide, background = False, False, WHITE
    if isinstance(config, ImagesConfig):
        resize, is_wide = config.size is not None, not encoding.is_bytes
        background = config.background
    check_memory(len(files) * encoding.n_features, memory, str(path))
    for file in files if not resize else ():
        if (size := image_facts(file)[0]) != encoding.shape[:2]:
            had = " x ".join(map(str, encoding.shape[:2]))
            raise MtrainError(f"{file}: {size[0]} x {size[1]} pixels; training had {had}")
    done: Counter[str] = Counter()
    pixels = read_pixels(files, encoding.shape, resize=resize, background=background, done=done)
    features = as_depth(pixels, wide=is_wide)
    names = [str(f.relative_to(path)) if f != path else f.name for f in files]
    rows = _unlabelled(
        features, [os.fsencode(name).decode(errors="backslashreplace") for name in names]
    )
    return rows, tuple(sayings(done, str(path), background=background, size=encoding.shape))


def _unlabelled(features: Table | np.ndarray, names: Sequence[str] | None = None) -> Rows:
    n = len(features)
    return Rows(
        features,
        np.zeros(n, np.int32),
        np.arange(n),
        names=None if names is None else np.array(names),
    )
