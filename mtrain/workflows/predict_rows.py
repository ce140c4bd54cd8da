"""What a run offers to programs only: its Keras model, and predictions of rows in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.experiment.custom_code import refuse_code
from mtrain.errors import MtrainError
from mtrain.inference.network import loaded_network
from mtrain.run.arrays import npz_bytes
from mtrain.run.find_checkpoint import with_checkpoint
from mtrain.workflows.predict import predict as predict_file

if TYPE_CHECKING:
    import keras
    import pyarrow as pa
    from numpy.typing import NDArray

    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace

PROBABILITY = "probability_"


@dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of rows without labels."""

    classes: tuple[str, ...]
    rows: NDArray[np.int64]
    """Position of each row in the input, counted from 0; shape (N,)."""

    predicted: NDArray[np.str_]
    """The class of each row, shape (N,)."""

    probabilities: NDArray[np.float32]
    """Shape (N, K), the classes in the order of `classes`."""

    files: NDArray[np.str_] | None
    """The file of each row, for images; shape (N,)."""

    notes: tuple[str, ...]
    """Notes on the rows."""

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<mtrain.Predicted {len(self):,} rows, {len(self.classes):,} classes>"


def predict(checkpoint: Path, rows: Any, **options: Any) -> Predicted:
    """Predict the rows of a path, of an array, or of a table: by column, one row, or a list of rows.

    `options` are those of `mtrain.workflows.predict.predict`. Raises `MtrainError` as it does.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "predictions.parquet"
        if isinstance(rows, str | PathLike):
            _, notes = predict_file(checkpoint, Path(rows), out=out, **options)
        else:
            _check_kind(checkpoint, rows)
            # As a file, so that rows in memory are read by the same code as those on the disk.
            inputs = _written(rows, Path(folder))
            try:
                _, notes = predict_file(checkpoint, inputs, out=out, **options)
            except MtrainError as error:
                error.problems = tuple(
                    replace(problem, where=problem.where.replace(str(inputs), "rows"))
                    for problem in error.problems
                )
                raise
            notes = tuple(note.replace(str(inputs), "rows") for note in notes)
        return _read(out, notes)


def load_model(checkpoint: Path, *, allow_code: bool) -> keras.Model:
    """The model of a run's best checkpoint, or its last, or of the one checkpoint named.

    It takes inputs of shape (N, D) that are encoded and scaled already; `predict` takes raw rows.
    Raises `MtrainError` for damaged files, `UsageError` for custom code unless `allow_code`.
    """

    def use(place: CheckpointPlace, saved: Checkpoint) -> keras.Model:
        refuse_code(saved.config.custom_code.values(), place.path, allowed=allow_code)
        with loaded_network(saved, place) as (network, _):
            return network.model

    return with_checkpoint(checkpoint, use)


def _check_kind(checkpoint: Path, rows: Any) -> None:
    """Raise `MtrainError` for an array if the model is for a table, and vice versa."""
    saved = with_checkpoint(checkpoint, lambda _, state: state)
    is_table = hasattr(rows, "items") or _is_list_of_rows(rows)
    if isinstance(rows, list | tuple) and not rows:
        raise MtrainError("rows: there is no row to predict")
    if saved.encoding.columns and not is_table:
        problem = "must be columns (a dict or a data frame) or rows (a list of dicts)"
        raise MtrainError(f"rows: {problem}, for a model of a table, got {type(rows).__name__}")
    if not saved.encoding.columns and is_table:
        shape = ", ".join(map(str, saved.encoding.shape))
        problem = f"must be an array of shape (N, {shape}) for this model"
        raise MtrainError(f"rows: {problem}, got {type(rows).__name__}")


def _written(rows: Any, folder: Path) -> Path:
    """The file in `folder` with these rows, as `mtrain predict` reads it."""
    if hasattr(rows, "items") or _is_list_of_rows(rows):
        path = folder / "rows.parquet"
        _write_columns(_columns(rows), path)
        return path
    array = np.asarray(rows)
    if array.dtype.kind not in "iufb" or array.ndim < 2:
        description = f"{array.dtype} of shape {array.shape}"
        raise MtrainError(
            f"rows: must be an array of numbers, (N, ...), or columns, got {description}"
        )
    path = folder / "rows.npz"
    path.write_bytes(npz_bytes({"x": array}))
    return path


def _is_list_of_rows(rows: Any) -> bool:
    is_list = isinstance(rows, list | tuple) and bool(rows)
    return is_list and all(hasattr(row, "items") for row in rows)


def _columns(rows: Any) -> list[tuple[str, Any]]:
    """The names and the values of the columns; a row that lacks one has None there."""
    if _is_list_of_rows(rows):
        named = [dict(row.items()) for row in rows]
        names = dict.fromkeys(name for row in named for name in row)
        return [(str(name), [row.get(name) for row in named]) for name in names]
    columns = [(str(name), values) for name, values in rows.items()]
    single = [name for name, values in columns if _is_single(values)]
    if len(single) == len(columns):  # one row
        return [(name, [value]) for name, value in columns]
    if single:
        problem = "is a single value, but other columns are lists of values"
        raise MtrainError(f"rows: column {single[0]!r}: {problem}")
    return columns


def _is_single(values: Any) -> bool:
    has_values = hasattr(values, "__iter__") and getattr(values, "ndim", 1) > 0
    return isinstance(values, str | bytes) or not has_values


def _write_columns(columns: list[tuple[str, Any]], path: Path) -> None:
    """Write a Parquet file; raises `MtrainError` for values that are not columns of one length."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [name for name, _ in columns]
    if twice := [name for name in names if names.count(name) > 1]:
        raise MtrainError(f"rows: there are two columns {twice[0]!r}")
    arrays = {name: _as_arrow(name, values) for name, values in columns}
    for name, array in arrays.items():
        if len(array) != (n := len(arrays[names[0]])):
            lengths = f"{names[0]!r} has {n:,} values, {name!r} has {len(array):,}"
            raise MtrainError(f"rows: columns must be of the same length, but {lengths}")
    try:
        pq.write_table(pa.table(arrays), path)
    except pa.ArrowException as error:
        raise MtrainError(f"rows: not columns of values: {error}") from error


def _as_arrow(name: str, values: Any) -> pa.Array:
    """The values of a column; raises `MtrainError` for a value that is no list, or mixed types."""
    import pyarrow as pa

    if isinstance(values, Mapping | set | frozenset):  # Arrow would take the keys
        kind = type(values).__name__
        raise MtrainError(f"rows: column {name!r}: must be a list of values, got {kind}")
    values = values if hasattr(values, "__len__") else list(values)
    try:
        # As in pandas: NaN is a missing value, among text as well.
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        problem, types = str(error), {type(value).__name__ for value in values}
        if "str" in types and len(types - {"NoneType"}) > 1:
            problem = f"must be all numbers or all text, got {' and '.join(sorted(types))}"
        raise MtrainError(f"rows: column {name!r}: {problem}") from error


def _read(path: Path, notes: tuple[str, ...]) -> Predicted:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        table = file.read()
    columns = {name: table[name].to_numpy() for name in table.column_names}
    by_class = {
        name.removeprefix(PROBABILITY): values
        for name, values in columns.items()
        if name.startswith(PROBABILITY)
    }
    files = columns.get("file")
    return Predicted(
        tuple(by_class),
        columns["row"],
        columns["predicted"].astype(np.str_),
        np.stack(list(by_class.values()), axis=1).astype(np.float32),
        None if files is None else files.astype(np.str_),
        tuple(notes),
    )
