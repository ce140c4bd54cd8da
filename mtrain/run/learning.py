"""The file of when each training row was learned and forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.run.files import attributing_errors, open_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.records.arrays import Ints
    from mtrain.records.training import LearnedRows


def write_learning(path: Path, learned: LearnedRows, classes: Sequence[str]) -> None:
    """Write what is known of the training rows as Parquet at `path`.

    `learned_in` and `margin` are missing where there was nothing to count. Raises `MtrainError` if the
    disk refuses it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"row": pa.array(learned.rows)}
    if learned.names is not None:
        columns["file"] = pa.array(learned.names)
    columns |= {
        "class": pa.DictionaryArray.from_arrays(pa.array(learned.labels), list(classes)),
        "learned_in": pa.array(learned.learned_in, mask=learned.learned_in == 0),
        "times_forgotten": pa.array(learned.times_forgotten),
        "right": pa.array(learned.is_right),
        "margin": pa.array(learned.margins, mask=np.isnan(learned.margins)),
    }
    with open_whole(path) as file, attributing_errors(path):
        pq.write_table(pa.table(columns), file)


def read_unseen(path: Path) -> Ints:
    """The rows of a file of `write_learning` that the training never learned from."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["row", "margin"])
    rows: Ints = table.filter(pc.is_null(table["margin"]))["row"].to_numpy()
    return rows
