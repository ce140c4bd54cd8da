"""Files written whole: beside, flushed to the disk, then renamed into place."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import shutil
import stat
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from mtrain.errors import MtrainError, UsageError
from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

_FILLED: ContextVar[Path | None] = ContextVar("_FILLED", default=None)
"""The folder that is being filled, which is flushed with all its files at once; None: none is."""

LARGEST_JSON = 300_000_000
"""Bytes; a thousand epochs of a thousand classes take about half of it."""

MOST_BRACKETS = 1_000_000
"""Most brackets: each takes dozens of bytes in memory, and one in the file; a thousand epochs have
some ten thousand."""


def write_bytes(path: Path, content: bytes | memoryview, *, flush: bool = True) -> None:
    """Raises `MtrainError` if the disk refuses it; an earlier folder then stays.

    Without `flush` a file survives a kill, but not always a loss of power.
    """
    with open_whole(path, flush=flush) as file, attributing_errors(path):
        file.write(content)


@contextmanager
def open_whole(path: Path, *, flush: bool = True) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which appears at `path` when it is complete, or not at all.

    It may be read meanwhile. Otherwise it is as for `write_bytes`; errors of writing a piece are the
    caller's.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    flush = flush and path.parent != _FILLED.get()
    try:
        with attributing_errors(path):
            beside.unlink(missing_ok=True)
            file = beside.open("x+b")  # never through a planted link
        try:
            yield file
            with attributing_errors(path):
                file.flush()
                if flush:
                    os.fsync(file.fileno())
        finally:
            with suppress(OSError):  # the full disk is reported already
                file.close()
        with attributing_errors(path):
            beside.replace(path)
            if flush:
                flush_to_disk(path.parent)
    finally:
        with attributing_errors(path):
            beside.unlink(missing_ok=True)


@contextmanager
def attributing_errors(path: Path) -> Iterator[None]:
    """Turn errors of the disk into a `MtrainError` about this file."""
    try:
        yield
    except OSError as error:
        raise MtrainError(f"cannot be written: {error.strerror}", where=path) from error


REPLACED = ".replaced.old"
"""The end of a folder's name while another takes its place."""


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path` to be filled, which then takes the place of any at `path`.

    It is flushed to the disk, with all its files, before it takes that place; files of folders in it are
    flushed as they are written.

    Raises `MtrainError` if the disk refuses it; an earlier folder then stays.
    """
    path = path.absolute()
    beside, old = path.with_name(f".{path.name}.tmp"), path.with_name(f".{path.name}{REPLACED}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        token = _FILLED.set(beside)
        try:
            yield beside
        finally:
            _FILLED.reset(token)
        for file in (*beside.iterdir(), beside):
            flush_to_disk(file)
        if path.exists():
            path.rename(old)
        beside.rename(path)
        flush_to_disk(path.parent)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise MtrainError(f"cannot be written: {error.strerror}", where=path) from error
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(beside, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Remove the folder at `path`, if there is one; raises `OSError`."""
    # Renamed first: a half removed folder must not look complete.
    old = path.with_name(f".{path.name}.old")
    if path.exists():
        shutil.rmtree(path.rename(old))


def remove_leftovers(folder: Path) -> None:
    """Remove files that a killed process had half written into `folder`, or half removed.

    A folder whose replacement was interrupted gets its name back. Raises `MtrainError`.
    """
    for path in (*folder.glob(".*.tmp"), *folder.glob(".*.old")):
        replaced = path.with_name(path.name[1:].removesuffix(REPLACED))
        with attributing_errors(path):
            if path.name.endswith(REPLACED) and not replaced.exists():
                path.rename(replaced)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def check_replaced(path: Path, holds: Callable[[Path], bool], kind: str, where: str) -> None:
    """Raise `UsageError` for a file that does not hold what will replace it, of this `kind`."""
    if path.is_file() and path.stat().st_size and not holds(path):
        problem = f"{path} exists and does not hold {kind}"
        raise UsageError(problem, where=where, remedy="name another file")


def begins(path: Path, beginning: bytes) -> bool:
    """Whether the file begins so."""
    with attributing_errors(path), path.open("rb") as file:
        return file.read(len(beginning)) == beginning


def is_denied(error: MtrainError) -> bool:
    """Whether the user lacks the permission to write it."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in {errno.EACCES, errno.EPERM, errno.EROFS}


def flush_to_disk(path: Path) -> None:
    """Make the content of a file, or the names in a directory, last through a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str, *, flush: bool = True) -> None:
    """UTF-8, on every system with the same line ends; `flush` as for `write_bytes`."""
    write_bytes(path, text.encode(), flush=flush)


def json_bytes(data: Any) -> bytes:
    """One JSON document for programs; undefined values (NaN) are null."""
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY)


def json_text(data: Any) -> str:
    """The same for people, with line ends; of a matrix a row a line."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(_with_rows(data), option=options).decode()


def _with_rows(data: Any) -> Any:
    """The same document with the rows of its matrices written already."""
    if isinstance(data, dict):
        return {key: _with_rows(value) for key, value in data.items()}
    if isinstance(data, list) and data and all(isinstance(row, list) for row in data):
        return [orjson.Fragment(json_bytes(row)) for row in data]
    return data


def write_csv(
    path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], *, flush: bool = True
) -> None:
    """Write `csv_text` to `path`; `flush` as for `write_bytes`."""
    write_text(path, csv_text(header, rows), flush=flush)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Comma-separated; an undefined number is empty, and no text is a formula.

    Without a header for an empty one: the rows continue a file.
    """
    lines = chain([header] if header else [], rows)
    return text_of_cells([cell(value) for value in line] for line in lines)


def text_of_cells(lines: Iterable[Sequence[Any]]) -> str:
    """Comma-separated lines of what `cell` made."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def read_bytes(path: Path, at_most: int) -> bytes:
    """Raises `MtrainError` for a file that is not regular, or larger."""
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise MtrainError("not a file", where=path)
            if status.st_size > at_most:
                raise MtrainError(
                    f"{status.st_size:,} bytes, at most {at_most:,} expected", where=path
                )
            return file.read()
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=path) from error


def read_json(path: Path) -> Any:
    """Raises `MtrainError` for a file that is missing or is not one JSON document."""
    return parse_json(read_bytes(path, LARGEST_JSON), path)


def parse_json(content: bytes, path: Path, most_brackets: int = MOST_BRACKETS) -> Any:
    """`content` of the file at `path`; raises `MtrainError` as `read_json` does.

    `most_brackets` limits its lists and mappings together.
    """
    try:
        if content.count(b"[") + content.count(b"{") > most_brackets:
            raise ValueError("too many lists and mappings")  # noqa: TRY301 -- as the parser would
        data = json.loads(
            content.decode(),  # bytes would be read as UTF-16 or UTF-32 where they look like it
            parse_constant=_refuse_constant,
            parse_int=_int64,
            object_pairs_hook=_without_duplicates,
        )
        if b"\\u" in content:
            orjson.dumps(data)  # raises for half of a surrogate pair, which is no text
    except (TypeError, ValueError, RecursionError) as error:
        raise MtrainError(f"not JSON as mtrain writes it: {error}", where=path) from error
    return data


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _int64(digits: str) -> int:
    value = int(digits) if len(digits.lstrip("-")) < 20 else 2**63
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{digits:.40} does not fit 64 bits")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            raise ValueError(f"the key {key!r:.40} stands twice")
        mapping[key] = value
    return mapping


def cell(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula is marked as text; numbers are left."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not isinstance(value, str):
        return value
    value = inert(value)
    if not value.startswith(("=", "+", "-", "@", "\t")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
