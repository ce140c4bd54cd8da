"""Rows of a table that cannot be predicted, as a CSV for the person who mends them."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, BinaryIO

from mtrain.errors import UsageError
from mtrain.keywords import option
from mtrain.records.column_types import as_text
from mtrain.run.files import attributing_errors, begins, check_replaced, csv_text, open_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mtrain.data.inputs.piece import BadRow

FIRST_COLUMNS = ["row", "problem"]


class BadRows:
    """Counts rows, and writes their position, their first problem and their values."""

    def __init__(self, file: BinaryIO | None, path: Path | None) -> None:
        """The file at `path`; None: there are none to write."""
        self.rows = 0
        self._file = file
        self._path = path

    def write(self, rows: Sequence[BadRow]) -> None:
        """Add these rows; before the first ones, the names of the columns."""
        if not rows:
            return
        header = [] if self.rows else [*FIRST_COLUMNS, *rows[0].values]
        self._write(
            header, ([one.row, one.problem, *map(_cell, one.values.values())] for one in rows)
        )
        self.rows += len(rows)

    def close(self) -> None:
        """Without a bad row, write the names of the first columns alone."""
        if not self.rows:
            self._write(FIRST_COLUMNS, [])

    def _write(self, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
        if self._file is None or self._path is None:
            return
        with attributing_errors(self._path):
            self._file.write(csv_text(header, lines).encode())


def _cell(value: Any) -> Any:
    """A value as in the CSV of predictions."""
    return as_text(value) if isinstance(value, dict | list) else value


def check_bad_rows(path: Path) -> None:
    """Raise `UsageError` for another ending than .csv, and a file that holds something else, such as the data."""
    if path.suffix.lower() != ".csv":
        raise UsageError(f"must end in .csv, got {path.name!r}", where=option("bad-rows"))
    beginning = csv_text(FIRST_COLUMNS, []).rstrip().encode()
    check_replaced(path, lambda file: begins(file, beginning), "bad rows", option("bad-rows"))


@contextmanager
def open_bad_rows(path: Path | None) -> Iterator[BadRows]:
    """A CSV, which appears when it is complete, or not at all; None: nothing is written."""
    with nullcontext() if path is None else open_whole(path) as file:
        bad = BadRows(file, path)
        yield bad  # what fails meanwhile is seldom of this file
        bad.close()
