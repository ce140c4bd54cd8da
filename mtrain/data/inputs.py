"""Rows to predict: no labels, columns by name, everything else as training had it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.sources import IdxConfig, ImagesConfig, NpzConfig, TableConfig
from mtrain.data.encoding import changed_constants, encode
from mtrain.data.files import check_memory
from mtrain.data.source import Rows, checked_rows
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.dataset import DatasetConfig
    from mtrain.data.table import Table
    from mtrain.records import Encoding, Split

TABLES = {"csv": (".csv", ".tsv", ".txt"), "parquet": (".parquet", ".pq")}


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
    if isinstance(config, TableConfig):
        rows, left_out = _read_table(path, config, encoding, memory)
    elif not (path.is_file() or path.is_dir()):
        # A pipe or a device would be waited for, or never end.
        raise MtrainError(f"{path}: {'not a file' if path.exists() else 'no such file or folder'}")
    elif path.suffix.lower() in {".npz", ".gz", ""} and path.is_file():
        rows = _read_arrays(path, memory)
    elif _is_of_images(config, encoding):
        resize = isinstance(config, ImagesConfig) and config.size is not None
        rows = _read_images(path, encoding, memory, resize=resize)
    else:
        raise MtrainError(f"{path}: a model of arrays predicts an .npz file with the array 'x'")
    split, unknown = encode(rows, encoding, str(path))
    notes = [
        f"in {n:,} row{'s' * (n > 1)} column {column!r} has a category that training had not; it "
        "counts as none"
        for column, n in unknown.items()
    ]
    notes += changed_constants(rows, encoding)
    if left_out:
        notes.insert(0, f"{path}: {left_out:,} rows left out, which miss values")
    return split, tuple(notes)


def _read_table(
    path: Path, config: TableConfig, encoding: Encoding, memory: int
) -> tuple[Rows, int]:
    """The rows, and how many are left out: those that miss a value, where training did so, too."""
    from mtrain.data.columns import complaint
    from mtrain.data.notation import notation_of
    from mtrain.data.tables import COLUMNS, READERS, check_columns, read_features

    kind, notation = _kind_of_table(path), notation_of(config)
    kinds = {column.name: column.kind for column in encoding.columns}
    check_columns(str(path), COLUMNS[kind](str(path), notation), kinds)
    raw = READERS[kind](str(path), list(kinds), memory, notation)
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


def _kind_of_table(path: Path) -> str:
    """By the ending of the file, of the pattern, or of what is in the folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    for file in files:
        for kind, endings in TABLES.items():
            if file.suffix.lower() in endings:
                return kind
    known = ", ".join(ending for endings in TABLES.values() for ending in endings)
    raise MtrainError(f"{path}: a model of a table predicts files that end in {known}")


def _read_arrays(path: Path, memory: int) -> Rows:
    if path.suffix.lower() == ".npz":
        from mtrain.data.npz import array_names, read_members

        name = "x_test" if "x_test" in array_names(path) else "x"
        features = read_members(path, [name], memory)[name]
    else:
        from mtrain.data.idx import read_idx

        features = read_idx(path, memory=memory)
    return checked_rows(features, np.zeros(len(features), np.int32), str(path), "given")


def _is_of_images(config: DatasetConfig, encoding: Encoding) -> bool:
    """Whether the pixels of an image, as they are, mean what the training's rows did."""
    is_shape = len(encoding.shape) == 2 or (len(encoding.shape) == 3 and encoding.shape[2] == 3)
    return is_shape and (encoding.divisor == 255 or not isinstance(config, NpzConfig | IdxConfig))


def _read_images(path: Path, encoding: Encoding, memory: int, *, resize: bool) -> Rows:
    from mtrain.data.images import ENDINGS, image_facts, list_images, read_image

    known = ", ".join(sorted(ENDINGS))
    if path.is_dir():
        folders = [path, *(folder for folder in path.rglob("*") if folder.is_dir())]
        files = sorted(file for folder in folders for file in list_images(folder))
        if not files:
            raise MtrainError(f"{path}: no images ({known}) in this folder")
    elif path.suffix.lower() in ENDINGS:
        files = [path]
    else:
        raise MtrainError(
            f"{path}: a model of images predicts an image ({known}), a folder of them, or an .npz "
            "file with the array 'x'"
        )
    check_memory(len(files) * encoding.n_features, memory, str(path))
    for file in files if not resize else ():
        if (size := image_facts(file)[0]) != encoding.shape[:2]:
            had = " x ".join(map(str, encoding.shape[:2]))
            raise MtrainError(f"{file}: {size[0]} x {size[1]} pixels; training had {had}")
    features = np.empty((len(files), *encoding.shape), np.uint8)
    for row, file in enumerate(files):
        features[row] = read_image(file, encoding.shape, resize=resize)
    names = [str(f.relative_to(path)) if f != path else f.name for f in files]
    return _unlabelled(
        features, [os.fsencode(name).decode(errors="backslashreplace") for name in names]
    )


def _unlabelled(features: Table | np.ndarray, names: Sequence[str] | None = None) -> Rows:
    n = len(features)
    return Rows(
        features,
        np.zeros(n, np.int32),
        np.arange(n),
        names=None if names is None else np.array(names),
    )
