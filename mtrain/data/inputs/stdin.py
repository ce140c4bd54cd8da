"""Standard input as a file."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "stdin"
"""What errors and notes call it."""

BEGINNINGS = {b"PAR1": ".parquet", b"PK": ".npz", b"\x1f\x8b": ".csv.gz", b"{": ".jsonl"}
"""The ending of a file that begins so; any other is CSV."""

PEEKED = 1 << 16


@contextmanager
def standard_input(stream: BinaryIO) -> Iterator[Path]:
    """A file with all that comes, whose ending is that of its content; it is removed afterwards.

    Errors of `MtrainError` name it `stdin`.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = stream.read(PEEKED)
        begins = first.lstrip()
        endings = (
            ending for beginning, ending in BEGINNINGS.items() if begins.startswith(beginning)
        )
        path = Path(folder, f"{NAME}{next(endings, '.csv')}")
        with path.open("wb") as file:
            file.write(first)
            shutil.copyfileobj(stream, file)
        try:
            yield path
        except MtrainError as error:
            error.problems = tuple(
                replace(one, what=as_stdin(one.what, path), where=as_stdin(one.where, path))
                for one in error.problems
            )
            raise


def as_stdin(text: str, path: Path) -> str:
    """A text about the file at `path` that names standard input."""
    return text.replace(str(path), NAME)
