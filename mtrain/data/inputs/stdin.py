"""Standard input as a file."""

from __future__ import annotations

import re
import shutil
import tempfile
import zlib
from codecs import BOM_UTF8
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mtrain.data.sources.csv_text import GZIP
from mtrain.errors import MtrainError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "stdin"
"""What errors and notes call it."""

BINARY = {b"PAR1\x15": ".parquet", b"PK\x03\x04": ".npz"}
"""The ending of a file that begins so. With what follows the letters: a column may be called `PK`."""

ARRAY = re.compile(rb"\[\s*\{")
"""How an array of objects begins, and hardly a CSV."""

GZIP_FORMAT = zlib.MAX_WBITS | 16
"""As zlib calls it."""

PEEKED = 1 << 16


@contextmanager
def standard_input(stream: BinaryIO) -> Iterator[Path]:
    """A file with all that comes, whose ending is that of its content; it is removed afterwards.

    Errors of `MtrainError` name it `stdin`.
    """
    with tempfile.TemporaryDirectory() as folder:
        first = stream.read(PEEKED)
        path = Path(folder, f"{NAME}{_ending(first)}")
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


def _ending(first: bytes) -> str:
    """That of a file which begins so: JSON Lines begin with a brace, and what is nothing else is CSV.

    An array of JSON is called JSON Lines, whose reader says what it should be.
    """
    for beginning, ending in BINARY.items():
        if first.startswith(beginning):
            return ending
    if not first.startswith(GZIP):
        return _ending_of_text(first)
    try:
        return f"{_ending_of_text(zlib.decompressobj(GZIP_FORMAT).decompress(first, PEEKED))}.gz"
    except zlib.error:  # which is told where it is read as a whole
        return ".csv.gz"


def _ending_of_text(first: bytes) -> str:
    text = first.removeprefix(BOM_UTF8).lstrip()
    is_json = text.startswith(b"{") or ARRAY.match(text)
    return ".jsonl" if is_json else ".csv"


def as_stdin(text: str, path: Path) -> str:
    """A text about the file at `path` that names standard input."""
    return text.replace(str(path), NAME)
