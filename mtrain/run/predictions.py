"""Predictions of rows without labels, as a table for whoever asked."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import UsageError
from mtrain.run.files import csv_text, write_bytes, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mtrain.records import Predictions, Split

ENDINGS = (".csv", ".parquet")


def check_ending(path: Path) -> None:
    """Raise `UsageError` for a file that `write_predictions` cannot make."""
    if path.suffix.lower() not in ENDINGS:
        raise UsageError(f"--out: must end in {' or '.join(ENDINGS)}, got {str(path)!r}")


def write_predictions(
    path: Path, split: Split, predictions: Predictions, classes: tuple[str, ...]
) -> None:
    """Write what was predicted of each row, in their order, as CSV or Parquet by the ending."""
    check_ending(path)
    if path.suffix.lower() == ".csv":
        write_text(path, predictions_as_csv(split, predictions, classes))
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(pa.table(dict(_columns(split, predictions, classes))), content)
    write_bytes(path, content.getvalue())


def predictions_as_csv(split: Split, predictions: Predictions, classes: tuple[str, ...]) -> str:
    """Row, file where it has one, predicted class, and the probability of every class."""
    columns = _columns(split, predictions, classes)
    # The shortest decimal of a float32, not that of the same number as a float64.
    plain = [
        map(float, values.astype(str)) if values.dtype == np.float32 else values.tolist()
        for values in columns.values()
    ]
    return csv_text(list(columns), zip(*plain, strict=True))


def _columns(
    split: Split, predictions: Predictions, classes: tuple[str, ...]
) -> Mapping[str, np.ndarray[Any, Any]]:
    return {
        "row": split.rows,
        **({} if split.names is None else {"file": split.names}),
        "predicted": np.array(classes)[predictions.predicted],
        **{
            f"probability_{name}": predictions.probabilities[:, k] for k, name in enumerate(classes)
        },
    }
