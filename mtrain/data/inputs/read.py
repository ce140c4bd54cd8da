"""The rows at a path, read for the model that is to predict them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.experiment.sources import LARGEST_BYTE, ImagesConfig, KnownData
from mtrain.config.experiment.table import TableConfig
from mtrain.data.inputs.piece import joined, rows_of_a_piece
from mtrain.data.sources.idx import is_idx_name
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mtrain.config.experiment.dataset import DatasetConfig
    from mtrain.data.inputs.piece import Piece
    from mtrain.records.dataset import Encoding


def read_pieces(
    path: Path,
    config: DatasetConfig,
    encoding: Encoding,
    memory: int,
    keep: Sequence[str] = (),
    *,
    sets_aside: bool = False,
) -> Iterator[Piece]:
    """The rows at `path`, in their order, as a training with `config` encoded its own.

    For a model of tables `path` is a CSV or Parquet file, or a folder or pattern of them, or a file of
    JSON Lines; `keep` and `sets_aside` are as for `table_pieces`. For others
    an image, or a folder of images, an `.npz` file with `x_test` or `x`, or an IDX file (without an
    ending or gzipped), whose arrays may take `memory` bytes, as a piece of images may. Each piece but
    the last has the same multiple of `ROWS_A_CALL` rows. There is always a piece, though it may have
    no row. Raises `MtrainError` for rows that are missing, damaged or not like those of the training.
    """
    if isinstance(config, TableConfig):
        from mtrain.data.inputs.tables import table_pieces

        pieces = table_pieces(path, config, encoding, keep, sets_aside=sets_aside)
        yield from joined(pieces, rows_of_a_piece(encoding))
        return
    if keep or sets_aside:
        where = option("keep" if keep else "bad-rows")
        raise UsageError("the rows of this run are no tables", where=where)
    if not (path.is_file() or path.is_dir()):
        # Reading a pipe or a device would block, or never end.
        raise MtrainError(
            f"{'not a file' if path.exists() else 'no such file or folder'}", where=path
        )
    if path.is_file() and (path.suffix.lower() in {".npz", ".gz", ""} or is_idx_name(path.name)):
        from mtrain.data.inputs.arrays import array_pieces

        yield from array_pieces(path, encoding, memory)
    elif _is_of_images(config, encoding):
        from mtrain.data.inputs.images import image_pieces

        yield from image_pieces(path, config, encoding, memory)
    else:
        raise MtrainError("a model of arrays predicts an .npz file with the array 'x'", where=path)


def _is_of_images(config: DatasetConfig, encoding: Encoding) -> bool:
    """Whether the pixels of an image are on the same scale as the training's."""
    is_shape = len(encoding.shape) == 2 or (len(encoding.shape) == 3 and encoding.shape[2] == 3)
    is_pictorial = isinstance(config, ImagesConfig | KnownData)
    return is_shape and (is_pictorial or encoding.divisor == LARGEST_BYTE)
