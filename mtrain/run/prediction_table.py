"""Predictions of rows without labels, as a table, written some rows at a time."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from mtrain.errors import UsageError
from mtrain.keywords import option
from mtrain.run.files import attributing_errors, check_replaced, csv_text, open_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from mtrain.data.inputs.piece import Piece
    from mtrain.records.training import Predictions

ENDINGS = (".csv", ".parquet")

FIRST_COLUMNS = ["row", "predicted"]
"""Columns of every table of predictions; `file` may stand between them."""

LONGEST_LINE = 10_000
"""Most bytes read of a file's first line."""


class Writer(Protocol):
    """Writes the predictions of some rows, and then of those that follow."""

    def write(self, piece: Piece, predictions: Predictions) -> None:
        """Add these rows."""

    def close(self) -> None:
        """Write the end of the file."""


class CsvWriter:
    """Row, file where it has one, predicted class, the probability of every class, columns that are kept."""

    def __init__(self, file: BinaryIO, classes: tuple[str, ...]) -> None:
        """`file` stays open."""
        self._file = file
        self._classes = classes
        self._is_begun = False

    def write(self, piece: Piece, predictions: Predictions) -> None:
        """Add these rows; before the first ones, the names of the columns."""
        columns = _columns(piece, predictions, self._classes)
        plain = [_plain(values) for values in columns.values()]
        header = [] if self._is_begun else list(columns)
        self._is_begun = True
        self._file.write(csv_text(header, zip(*plain, strict=True)).encode())

    def close(self) -> None:
        """Write nothing: the file has no end mark."""


class ParquetWriter:
    """The same columns, numbers as they are; a row group for each call."""

    def __init__(self, file: BinaryIO, classes: tuple[str, ...]) -> None:
        """`file` stays open."""
        self._file = file
        self._classes = classes
        self._writer: Any = None

    def write(self, piece: Piece, predictions: Predictions) -> None:
        """Add these rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(dict(_columns(piece, predictions, self._classes)))
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write where in the file everything stands."""
        if self._writer is not None:
            self._writer.close()


def check_ending(path: Path) -> None:
    """Raise `UsageError` for a file that `open_predictions` cannot make."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"must end in {' or '.join(ENDINGS)}, got {str(path)!r}", where=option("out")
        )


def check_replaceable(path: Path) -> None:
    """Raise `UsageError` for a file that does not hold predictions, such as the data."""
    check_replaced(path, _holds_predictions, "predictions", option("out"))


def _holds_predictions(path: Path) -> bool:
    if path.suffix.lower() == ".csv":
        with attributing_errors(path), path.open("rb") as file:
            names = file.readline(LONGEST_LINE).decode(errors="replace").strip().split(",")
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            names = pq.read_schema(path).names
        except (OSError, pa.ArrowException):
            return False
    return [name for name in names[:3] if name != "file"][:2] == FIRST_COLUMNS


@contextmanager
def open_predictions(path: Path, classes: tuple[str, ...]) -> Iterator[Writer]:
    """A CSV or Parquet file by its ending, which appears when it is complete, or not at all."""
    check_ending(path)
    with open_whole(path) as file:
        kind = CsvWriter if path.suffix.lower() == ".csv" else ParquetWriter
        writer = _Attributed(kind(file, classes), path)
        try:
            yield writer
        except BaseException:
            with suppress(Exception):
                writer.close()  # or pyarrow does when it is collected, and prints that it cannot
            raise
        writer.close()


class _Attributed:
    """Turn errors of the disk into a `MtrainError` about the file."""

    def __init__(self, writer: Writer, path: Path) -> None:
        self._writer = writer
        self._path = path

    def write(self, piece: Piece, predictions: Predictions) -> None:
        with attributing_errors(self._path):
            self._writer.write(piece, predictions)

    def close(self) -> None:
        with attributing_errors(self._path):
            self._writer.close()


def _columns(
    piece: Piece, predictions: Predictions, classes: tuple[str, ...]
) -> Mapping[str, np.ndarray[Any, Any] | pa.ChunkedArray]:
    """Raises `UsageError` for a column that is kept and has the name of another."""
    split = piece.split
    columns: dict[str, Any] = {
        "row": split.rows,
        **({} if split.names is None else {"file": split.names}),
        "predicted": np.array(classes)[predictions.predicted],
        **{
            f"probability_{name}": predictions.probabilities[:, k] for k, name in enumerate(classes)
        },
    }
    if taken := columns.keys() & piece.kept.keys():
        problem = f"{min(taken)!r} is a column of the predictions"
        raise UsageError(problem, where=option("keep"), remedy="rename it")
    return {**columns, **piece.kept}


def _plain(values: np.ndarray[Any, Any] | pa.ChunkedArray) -> Iterable[Any]:
    if not isinstance(values, np.ndarray):
        plain: list[Any] = values.to_pylist()
        return plain
    # The shortest decimal of a float32, not that of the same number as a float64.
    return map(float, values.astype(str)) if values.dtype == np.float32 else values.tolist()
