"""Rows to predict: no labels, columns by name, everything else as in training."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.catalog.endings import ENDINGS
from mtrain.config.experiment.sources import IdxConfig, ImagesConfig, NpzConfig, TableConfig
from mtrain.data.encoding import encode
from mtrain.data.files import check_memory, has_ending
from mtrain.data.source import Rows, checked_rows
from mtrain.data.sources.idx import is_idx_name, read_idx
from mtrain.data.unlike import unlike_notes
from mtrain.errors import BrokenImageError, MtrainError
from mtrain.records.dataset import Split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mtrain.config.experiment.dataset import DatasetConfig
    from mtrain.data.columns import RawTable
    from mtrain.data.table import Table
    from mtrain.data.unlike import Unlike
    from mtrain.records.dataset import Encoding

ROWS_AT_ONCE = 2048
"""Rows that are predicted by one call, wherever they are from (`engine/prediction.py`): pieces of a
multiple of them give to the last bit what all rows together give."""

PIECE = 1 << 26
"""Bytes that the inputs of a piece may take; several times as much is in use meanwhile."""

TABLES = {"csv": (*ENDINGS["csv"], ".txt"), "parquet": ENDINGS["parquet"]}


@dataclass(frozen=True, eq=False)
class Piece:
    """Some of the rows to predict."""

    split: Split
    """A split whose labels mean nothing."""

    unlike: Mapping[Unlike, int]
    """In how many rows a column is unlike training, by how and its name."""

    left_out: int
    """Rows with a missing value, if training left such rows out as well."""

    done: tuple[str, ...] = ()
    """What was done to images, or doubts about how a table was read."""


def read_pieces(
    path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> Iterator[Piece]:
    """The rows at `path`, in their order, as a training with `config` encoded its own.

    For a model of tables `path` is a CSV or Parquet file, or a folder or pattern of them; for others
    an image, or a folder of images, an `.npz` file with `x_test` or `x`, or an IDX file (without an
    ending or gzipped), whose arrays may take `memory` bytes, as a piece of images may. Each piece but
    the last has the same multiple of `ROWS_AT_ONCE` rows. There is always a piece, though it may have
    no row. Raises `MtrainError` for rows that are missing, damaged or not like those of the training.
    """
    if isinstance(config, TableConfig):
        yield from joined(_table_pieces(path, config, encoding), rows_of_a_piece(encoding))
        return
    if not (path.is_file() or path.is_dir()):
        # Reading a pipe or a device would block, or never end.
        raise MtrainError(
            f"{'not a file' if path.exists() else 'no such file or folder'}", where=path
        )
    if path.is_file() and (path.suffix.lower() in {".npz", ".gz", ""} or is_idx_name(path.name)):
        yield from _array_pieces(path, encoding, memory)
    elif _is_of_images(config, encoding):
        yield from _image_pieces(path, config, encoding, memory)
    else:
        raise MtrainError("a model of arrays predicts an .npz file with the array 'x'", where=path)


@dataclass(eq=False)
class Seen:
    """Notes on all pieces so far."""

    rows: int = 0
    left_out: int = 0
    unlike: Counter[Unlike] = field(default_factory=Counter)
    done: tuple[str, ...] = ()

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        self.rows += len(piece.split)
        self.left_out += piece.left_out
        self.unlike.update(piece.unlike)
        self.done += piece.done

    def notes(self, path: Path, encoding: Encoding) -> Iterator[str]:
        """A line for each."""
        yield from self.done
        if self.left_out:
            rows = f"{self.left_out:,} row{'s' * (self.left_out > 1)}"
            yield f"{path}: {rows} left out: with missing values"
        yield from unlike_notes(self.unlike, encoding, self.rows)


def rows_of_a_piece(encoding: Encoding) -> int:
    """As many rows as take `PIECE` bytes as inputs, or `ROWS_AT_ONCE`."""
    n = PIECE // (4 * encoding.n_features)
    return max(n // ROWS_AT_ONCE, 1) * ROWS_AT_ONCE


def joined(pieces: Iterable[Piece], rows: int) -> Iterator[Piece]:
    """The same rows, with equally many in each piece but the last; at least one piece."""
    kept: list[Piece] = []
    for piece in pieces:
        kept.append(piece)
        while sum(len(one.split) for one in kept) > rows:
            whole = _whole(kept)
            yield replace(whole, split=_part(whole.split, slice(rows)))
            kept = [Piece(_part(whole.split, slice(rows, None)), {}, 0)]
    yield _whole(kept)


def _whole(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    splits = [piece.split for piece in pieces]
    seen = Seen()
    for piece in pieces:
        seen.add(piece)
    return Piece(
        Split(
            np.concatenate([split.features for split in splits]),
            np.concatenate([split.labels for split in splits]),
            np.concatenate([split.rows for split in splits]),
        ),
        seen.unlike,
        seen.left_out,
        seen.done,
    )


def _part(split: Split, rows: slice) -> Split:
    return Split(split.features[rows], split.labels[rows], split.rows[rows])


def _table_pieces(path: Path, config: TableConfig, encoding: Encoding) -> Iterator[Piece]:
    """At least one; each of rows that stand together, as many as a block of the file has."""
    from mtrain.data.notation import notation_of
    from mtrain.data.sources.tables import COLUMNS, PIECES, check_columns

    kind = _kind_of_table(path)
    kinds = {column.name: column.kind for column in encoding.columns}
    notation = notation_of(config)
    check_columns(str(path), COLUMNS[kind](str(path), notation, split=None), kinds)
    most = rows_of_a_piece(encoding)
    done = 0
    for raw in PIECES[kind](str(path), list(kinds), most, notation):
        for start in range(0, len(raw), most):
            part = raw.part(start, most)
            yield _table_piece(part, config, encoding, done)
            done += len(part)
    nothing = np.zeros((0, encoding.n_features), np.float32)
    yield Piece(Split(nothing, np.zeros(0, np.int32), np.zeros(0, np.int64)), {}, 0)


def _table_piece(raw: RawTable, config: TableConfig, encoding: Encoding, done: int) -> Piece:
    """`done` rows stand before these."""
    from mtrain.data.features import MISSING_SINCE, complaints, read_features
    from mtrain.data.table_notes import misread_notes

    kinds = {column.name: column.kind for column in encoding.columns}
    raw = raw.without_missing(kinds)
    table = read_features(raw, kinds)
    missing = {name: column.missing for name, column in table.columns.items()}
    rows = replace(_unlabelled(table), place=raw.place)
    if config.missing == "drop":
        rows = rows.take(np.flatnonzero(~np.logical_or.reduce(list(missing.values()))))
    elif config.missing is None:
        why = f"is missing; {MISSING_SINCE}"
        if problems := complaints(raw, missing, lambda _: why):
            raise MtrainError("\n".join(problems))
    split, unlike = encode(rows, encoding, raw.where)
    return Piece(
        replace(split, rows=split.rows + done),
        unlike,
        len(raw) - len(rows),
        () if done else tuple(misread_notes(raw, encoding)),
    )


def table_kind(path: Path) -> str | None:
    """`csv` or `parquet`, by the ending of the file, of the pattern, or of what is in the folder.

    None: neither.
    """
    if path.is_dir():
        # A .txt beside the files of a table is about them, rather than one of them.
        files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() != ".txt"]
        files = [f for f in files if not any(p.startswith(".") for p in f.relative_to(path).parts)]
    else:
        files = [path]
    for file in files:
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
    raise MtrainError(f"a model of a table predicts files that end in {known}", where=path)


def _array_pieces(path: Path, encoding: Encoding, memory: int) -> Iterator[Piece]:
    rows, most = _read_arrays(path, memory), rows_of_a_piece(encoding)
    for start in range(0, max(len(rows), 1), most):
        part = rows.take(np.arange(start, min(start + most, len(rows))))
        split, unlike = encode(part, encoding, str(path))
        yield Piece(split, unlike, 0)


def _read_arrays(path: Path, memory: int) -> Rows:
    if path.suffix.lower() == ".npz":
        from mtrain.data.sources.npz import array_names, find_features, read_members

        names = find_features(array_names(path), str(path))
        name = names.get("test") or names.get("train") or "x"
        features = read_members(path, [name], memory)[name]
    else:
        features = read_idx(path, memory=memory)
    if features.ndim > 1 and not len(features):
        return _unlabelled(features)  # nothing to predict is not an error
    n = len(features) if features.ndim else 0
    return checked_rows(features, np.zeros(n, np.int32), str(path), "given")


def _is_of_images(config: DatasetConfig, encoding: Encoding) -> bool:
    """Whether the pixels of an image are on the same scale as the training's."""
    is_shape = len(encoding.shape) == 2 or (len(encoding.shape) == 3 and encoding.shape[2] == 3)
    return is_shape and (encoding.divisor == 255 or not isinstance(config, NpzConfig | IdxConfig))


def _image_pieces(
    path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> Iterator[Piece]:
    from mtrain.data.sources.images import about_all

    files = _image_files(path)
    try:
        yield from _pixel_pieces(files, path, config, encoding, memory)
    except BrokenImageError as error:
        raise about_all(error, files, str(path)) from error


def _pixel_pieces(
    files: Sequence[Path], path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> Iterator[Piece]:
    """The images `files` below `path`; raises `BrokenImageError` for the first that is broken."""
    from mtrain.data.sources.image_files import WHITE, as_depth, image_facts, sayings
    from mtrain.data.sources.images import read_pixels

    most = rows_of_a_piece(encoding)
    resize, is_wide, background = False, False, WHITE
    if isinstance(config, ImagesConfig):
        resize, is_wide = config.size is not None, not encoding.is_bytes
        background = config.background
    check_memory(min(len(files), most) * encoding.n_features, memory, str(path))
    for file in files if not resize else ():
        if (size := image_facts(file)[0]) != encoding.shape[:2]:
            had = " x ".join(map(str, encoding.shape[:2]))
            raise MtrainError(f"{size[0]} x {size[1]} pixels; training had {had}", where=file)
    done: Counter[str] = Counter()
    for start in range(0, len(files), most):
        part = files[start : start + most]
        pixels = read_pixels(part, encoding.shape, resize=resize, background=background, done=done)
        names = [str(f.relative_to(path)) if f != path else f.name for f in part]
        names = [os.fsencode(name).decode(errors="backslashreplace") for name in names]
        rows = _unlabelled(as_depth(pixels, wide=is_wide), names)
        split, _ = encode(rows, encoding, str(path))
        said: Iterable[str] = ()
        if start + most >= len(files):
            said = sayings(done, str(path), background=background, size=encoding.shape)
        yield Piece(replace(split, rows=split.rows + start), {}, 0, tuple(said))


def _image_files(path: Path) -> list[Path]:
    from mtrain.data.sources.image_files import ENDINGS as IMAGES
    from mtrain.data.sources.images import walk_images

    known = ", ".join(sorted(IMAGES))
    if path.is_dir():
        if files := sorted(walk_images(path)):
            return files
        raise MtrainError(f"no images ({known}) in this folder", where=path)
    if path.suffix.lower() in IMAGES:
        return [path]
    raise MtrainError(
        (
            f"a model of images predicts an image ({known}), a folder of them, or an .npz "
            "file with the array 'x'"
        ),
        where=path,
    )


def _unlabelled(features: Table | np.ndarray, names: Sequence[str] | None = None) -> Rows:
    n = len(features)
    return Rows(
        features,
        np.zeros(n, np.int32),
        np.arange(n),
        names=None if names is None else np.array(names),
    )
