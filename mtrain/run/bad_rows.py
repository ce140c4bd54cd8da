"""Rows of a table that cannot be predicted, as a CSV for the person who mends them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from mtrain.keywords import option
from mtrain.run.files import attributing_errors, begins, check_replaced, csv_text, open_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mtrain.data.inputs.piece import BadRow

FIRST_COLUMNS = ["row", "problem"]


class BadRows:
    """Counts rows, and writes their position, their first problem and their values."""

    def __init__(self, file: BinaryIO | None) -> None:
        """None: there are none to write."""
        self.rows = 0
        self._file = file

    def write(self, rows: Sequence[BadRow]) -> None:
        """Add these rows; before the first ones, the names of the columns."""
        if self._file is None or not rows:
            return
        header = [] if self.rows else [*FIRST_COLUMNS, *rows[0].values]
        lines = ([one.row, one.problem, *one.values.values()] for one in rows)
        self._file.write(csv_text(header, lines).encode())
        self.rows += len(rows)


def check_bad_rows(path: Path) -> None:
    """Raise `UsageError` for a file that holds something else, such as the data."""
    beginning = csv_text(FIRST_COLUMNS, []).rstrip().encode()
    check_replaced(path, lambda file: begins(file, beginning), "bad rows", option("bad-rows"))


@contextmanager
def open_bad_rows(path: Path | None) -> Iterator[BadRows]:
    """A CSV, which appears when it is complete, or not at all; None: nothing is written.

    Without a bad row it has the names of its first columns alone.
    """
    if path is None:
        yield BadRows(None)
        return
    with open_whole(path) as file, attributing_errors(path):
        bad = BadRows(file)
        yield bad
        if not bad.rows:
            file.write(csv_text(FIRST_COLUMNS, []).encode())
