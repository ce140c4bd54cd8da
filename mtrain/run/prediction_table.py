"""Predictions of rows without labels, as a table, written some rows at a time."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from mtrain.errors import UsageError
from mtrain.keywords import option
from mtrain.records.column_types import as_text, as_type, common_type
from mtrain.run.files import attributing_errors, check_replaced, csv_text, open_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from numpy.typing import NDArray

    from mtrain.data.inputs.piece import Piece
    from mtrain.records.training import Predictions

ENDINGS = (".csv", ".parquet")

FIRST_COLUMNS = ["row", "predicted"]
"""Columns of every table of predictions; `file` may stand between them."""

SET = "set"
"""The column of prediction sets."""

BETWEEN = "|"
"""Stands between the names of classes in a set, as in `pandas.Series.str.get_dummies`."""

LONGEST_LINE = 10_000
"""Most bytes read of a file's first line."""


class Writer(Protocol):
    """Writes the predictions of some rows, and then of those that follow."""

    def write(self, piece: Piece, predictions: Predictions) -> None:
        """Add these rows."""

    def close(self) -> None:
        """Write the end of the file."""


class CsvWriter:
    """Row, file, predicted class, set, the probability of every class, columns that are kept.

    The file of rows that have one, and the set where there are sets.
    """

    def __init__(self, file: BinaryIO, classes: tuple[str, ...]) -> None:
        """`file` stays open."""
        self._file = file
        self._classes = classes
        self._is_begun = False

    def write(self, piece: Piece, predictions: Predictions) -> None:
        """Add these rows; before the first ones, the names of the columns."""
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = _columns(piece, predictions, self._classes)
        if not self._is_begun:
            self._file.write(csv_text([], [list(columns)]).encode())
            self._is_begun = True
        if len(piece.split):
            cells = [_cells(column) for column in columns.values()]
            comma = pa.scalar(",", pa.large_string())
            lines = pc.binary_join_element_wise(*cells, comma).to_pylist()
            self._file.write("\n".join([*lines, ""]).encode())

    def close(self) -> None:
        """Write nothing: the file has no end mark."""


class ParquetWriter:
    """The same columns, numbers as they are; a row group for each call.

    Where a later row has a type that an earlier one had not, all are written again, in their common type.
    """

    def __init__(self, file: BinaryIO, classes: tuple[str, ...]) -> None:
        """`file` stays open; it is read as well."""
        self._file = file
        self._classes = classes
        self._writer: Any = None

    def write(self, piece: Piece, predictions: Predictions) -> None:
        """Add these rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(_columns(piece, predictions, self._classes))
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema)
        schema = _common_schema(self._writer.schema, table.schema)
        if not schema.equals(self._writer.schema):
            self._write_again(schema)
        self._writer.write_table(_as_schema(table, schema))

    def close(self) -> None:
        """Write where in the file everything stands."""
        if self._writer is not None:
            self._writer.close()

    def _write_again(self, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._writer.close()
        with TemporaryFile(dir=Path(self._file.name).parent) as before:
            self._file.seek(0)
            shutil.copyfileobj(self._file, before)
            self._file.seek(0)
            self._file.truncate()
            self._writer = pq.ParquetWriter(self._file, schema)
            read = pq.ParquetFile(before)
            for group in range(read.num_row_groups):
                self._writer.write_table(_as_schema(read.read_row_group(group), schema))


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
) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Raises `UsageError` for a column that is kept and has the name of another."""
    import pyarrow as pa

    split, probabilities = piece.split, predictions.probabilities
    columns = {"row": pa.array(split.rows)}
    if split.names is not None:
        columns["file"] = pa.array(split.names)
    columns["predicted"] = pa.array(classes, pa.string()).take(pa.array(predictions.predicted))
    if predictions.sets is not None:
        columns[SET] = _names_of_sets(predictions.sets, classes)
    for k, name in enumerate(classes):
        columns[f"probability_{name}"] = pa.array(np.ascontiguousarray(probabilities[:, k]))
    if taken := columns.keys() & piece.kept.keys():
        problem = f"{min(taken)!r} is a column of the predictions"
        raise UsageError(problem, where=option("keep"), remedy="rename it")
    return {**columns, **piece.kept}


def check_names_in_sets(classes: tuple[str, ...]) -> None:
    """Raise `UsageError` for names that cannot be told apart in the column of sets."""
    if named := [name for name in classes if BETWEEN in name]:
        problem = (
            f"the class {named[0]!r} has {BETWEEN!r} in its name, which stands between classes"
        )
        raise UsageError(problem, where=option("set"))


def _names_of_sets(sets: NDArray[np.bool_], classes: tuple[str, ...]) -> pa.Array:
    """Sets (N, K) as names; each different set is made a text once."""
    import pyarrow as pa

    different, which = np.unique(sets, axis=0, return_inverse=True)
    texts = [BETWEEN.join(classes[k] for k in np.flatnonzero(each)) for each in different]
    return pa.array(texts, pa.string()).take(pa.array(which.ravel()))


def _common_schema(one: pa.Schema, other: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    kinds = map(common_type, one.types, other.types)
    return pa.schema(zip(one.names, kinds, strict=True))


def _as_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = map(as_type, schema.names, table.columns, schema.types)
    return pa.table(list(columns), schema=schema)


def _cells(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Its values as text in a CSV; each different text is made one once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        if pa.types.is_nested(column.type):  # of which Arrow has no dictionaries
            values = column.to_pylist()
            column = pa.array([None if one is None else as_text(one) for one in values])
        encoded = column.dictionary_encode()
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        # Beside another cell: alone, an empty one would be in quotes.
        texts = [csv_text([], [["", value]])[1:-1] for value in encoded.dictionary.to_pylist()]
        column = pa.array(texts, pa.large_string()).take(encoded.indices)
    elif pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_finite(column), column, None)  # as in every CSV of mtrain
    # Of a float32 the shortest decimal that is one, and not that of the same number as a float64.
    text = pc.fill_null(pc.cast(column, pa.large_string()), "")
    return text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
