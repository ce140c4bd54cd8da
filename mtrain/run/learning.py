"""The file of when each training row was learned and forgotten, and lists of suspects."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.learning import SeenRows
from mtrain.records.training import NeverLearned
from mtrain.run.files import attributing_errors, open_whole, write_csv
from mtrain.run.reading import reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.records.arrays import Ints
    from mtrain.records.training import LearnedRows


LEARNING, SUSPECTS = "a table of training rows", "a list of suspects"
"""In errors about such files."""

LONGEST = 2000
"""Most characters of a line of suspects that is read for a page."""


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


def write_suspects(
    path: Path, learned: LearnedRows, classes: Sequence[str], rows: Ints, like: Ints
) -> None:
    """Write the training rows at the positions `rows`, and the class that each looks like, as CSV at `path`."""
    columns = {
        "row": learned.rows[rows].tolist(),
        "true": [classes[k] for k in learned.labels[rows]],
        "like": [classes[k] for k in like],
        "margin": [float(str(margin)) for margin in learned.margins[rows]],
    }
    if learned.names is not None:
        columns["file"] = learned.names[rows].tolist()
    write_csv(path, list(columns), zip(*columns.values(), strict=True))


def read_suspects(path: Path) -> Ints:
    """The rows of a list of suspects, of training or of an evaluation, in its order.

    Raises `MtrainError` for another file.
    """
    with (
        attributing_errors(path),
        path.open(newline="", encoding="utf-8") as file,
        reading(path, SUSPECTS),
    ):
        return np.array([int(line["row"]) for line in csv.DictReader(file)], np.int64)


def read_first_suspects(path: Path, n: int) -> list[NeverLearned]:
    """The first rows of a list of training: at most so many, and of so many times `LONGEST` characters.

    Raises `MtrainError` for another file.
    """
    with (
        attributing_errors(path),
        path.open(newline="", encoding="utf-8", errors="replace") as file,
    ):
        beginning = file.read(LONGEST * n)
        if file.read(1):  # the last line may be cut off
            beginning = beginning[: beginning.rfind("\n") + 1]
    with reading(path, SUSPECTS):
        return [
            NeverLearned(
                int(line["row"]),
                line.get("file"),
                line["true"],
                line["like"],
                float(line["margin"]),
            )
            for line in islice(csv.DictReader(io.StringIO(beginning)), n)
        ]


def read_seen_rows(path: Path, classes: Sequence[str]) -> SeenRows | None:
    """How many rows of each class a file of `write_learning` has; None: there is no such file.

    Raises `MtrainError` for another file.
    """
    if not path.exists():
        return None
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    rows: Counter[str] = Counter()
    never: Counter[str] = Counter()
    with attributing_errors(path), reading(path, LEARNING):
        # In pieces: a small file may say that it has any number of rows.
        with pq.ParquetFile(path) as file:
            for piece in file.iter_batches(columns=["class", "learned_in", "margin"]):
                seen = piece.filter(pc.is_valid(piece["margin"]))
                for counts, some in (
                    (rows, seen["class"]),
                    (never, seen["class"].filter(pc.is_null(seen["learned_in"]))),
                ):
                    for one in pc.value_counts(some):
                        counts[one["values"].as_py()] += one["counts"].as_py()
        if unknown := rows.keys() - set(classes):
            raise ValueError(f"{min(unknown)!r} is not a class of the run")
    return SeenRows(*(np.array([count[name] for name in classes]) for count in (rows, never)))


def read_unseen(path: Path) -> Ints:
    """The rows of a file of `write_learning` that the training never learned from."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["row", "margin"])
    rows: Ints = table.filter(pc.is_null(table["margin"]))["row"].to_numpy()
    return rows
