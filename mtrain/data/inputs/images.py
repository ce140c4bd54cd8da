"""Images to predict."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.config.experiment.sources import ImagesConfig
from mtrain.data.encoding import encode
from mtrain.data.files import check_memory
from mtrain.data.inputs.piece import Piece, rows_of_a_piece, unlabelled
from mtrain.data.sources.image_files import ENDINGS, WHITE, as_depth, image_facts, sayings
from mtrain.data.sources.images import about_all, read_pixels, walk_images
from mtrain.errors import BrokenImageError, MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mtrain.config.experiment.dataset import DatasetConfig
    from mtrain.records.dataset import Encoding


def image_pieces(
    path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> Iterator[Piece]:
    """An image, or those of a folder and its subfolders, in the order of their names."""
    files = _image_files(path)
    try:
        yield from _pixel_pieces(files, path, config, encoding, memory)
    except BrokenImageError as error:
        raise about_all(error, files, str(path)) from error


def _pixel_pieces(
    files: Sequence[Path], path: Path, config: DatasetConfig, encoding: Encoding, memory: int
) -> Iterator[Piece]:
    """The images `files` below `path`; raises `BrokenImageError` for the first that is broken."""
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
        rows = unlabelled(as_depth(pixels, wide=is_wide), names)
        split, _ = encode(rows, encoding, str(path))
        said: Iterable[str] = ()
        if start + most >= len(files):
            said = sayings(done, str(path), background=background, size=encoding.shape)
        split = replace(split, rows=split.rows + start)
        yield Piece(split, {}, 0, tuple(said), read=(start + len(part)) / len(files))


def _image_files(path: Path) -> list[Path]:
    known = ", ".join(sorted(ENDINGS))
    if path.is_dir():
        if files := sorted(walk_images(path)):
            return files
        raise MtrainError(f"no images ({known}) in this folder", where=path)
    if path.suffix.lower() in ENDINGS:
        return [path]
    raise MtrainError(
        f"this run predicts an image ({known}), a folder of them, an IDX file, or an .npz "
        "file with the array 'x_test' or 'x'",
        where=path,
    )
