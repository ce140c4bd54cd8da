"""The lists of training rows whose label is likely wrong; those of evaluations are in `evaluation.py`."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.records.training import NeverLearned
from mtrain.run.files import attributing_errors
from mtrain.run.reading import reading
from mtrain.run.row_lists import write_row_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints
    from mtrain.records.training import LearnedRows

SUSPECTS = "a list of suspects"
"""In errors about such a file."""

LONGEST = 2000
"""Most characters of a line that is read for a page."""


def write_suspects(
    path: Path, learned: LearnedRows, classes: Sequence[str], rows: Ints, like: Ints
) -> None:
    """Write the training rows at the positions `rows`, and the class that each looks like, as CSV at `path`."""
    columns: dict[str, NDArray[Any] | list[str]] = {
        "row": learned.rows[rows],
        "true": [classes[k] for k in learned.labels[rows]],
        "like": [classes[k] for k in like],
        "margin": learned.margins[rows],
    }
    if learned.names is not None:
        columns["file"] = learned.names[rows].tolist()
    write_row_list(path, columns)


def read_suspect_rows(path: Path) -> Ints:
    """The rows of a list of suspects, of training or of an evaluation, in its order.

    Raises `MtrainError` for another file.
    """
    with (
        attributing_errors(path),
        path.open(newline="", encoding="utf-8") as file,
        reading(path, SUSPECTS),
    ):
        return np.array([int(line["row"]) for line in csv.DictReader(file)], np.int64)


def count_suspects(path: Path, classes: Sequence[str]) -> Ints | None:
    """How many training rows of each class, shape (K,), were never right; None: there is no list of them.

    `learning.parquet` has them as well, but to load pyarrow takes longer than to write a page. Raises `MtrainError`
    for another file.
    """
    if not path.exists():
        return None
    with (
        attributing_errors(path),
        path.open(newline="", encoding="utf-8") as file,
        reading(path, SUSPECTS),
    ):
        counts = Counter(line["true"] for line in csv.DictReader(file))
        if unknown := counts.keys() - set(classes):
            raise ValueError(f"{min(unknown)!r} is not a class of the run")
    return np.array([counts[name] for name in classes])


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
