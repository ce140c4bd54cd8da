"""A CSV file as text: its compression, its delimiter, its quotes."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from mtrain.errors import MtrainError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

DELIMITERS = ",;\t|"

PIECE = 1 << 20
"""Bytes looked at together, which stay near the processor."""

BLOCK = 1 << 24
"""Bytes read at most; no row is longer."""

HEAD = 1 << 20
"""Bytes read to detect the delimiter, if they hold more than a line."""

LINES = 20
"""Lines used to detect the delimiter."""

LINE_END = r"\r\n?|\n"

GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Form:
    """How the rows of a file are written."""

    delimiter: str
    skipped: int
    """Records before the one that names the columns: 1 where the first line is `sep=;`."""


@dataclass(frozen=True)
class QuoteProblem:
    """A misplaced quote."""

    line: int
    """The line on which the value begins, counted from 1."""

    column: int
    """The column of the value, counted from 0."""

    problem: str


@contextmanager
def open_bytes(file: Path) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed if gzipped, whatever the file's name.

    Raises `MtrainError` for a damaged file.
    """
    with file.open("rb") as raw:
        is_packed = raw.read(2) == GZIP
        raw.seek(0)
        if not is_packed:
            yield raw
            return
        try:
            with gzip.open(raw) as content:
                yield cast("BinaryIO", content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise MtrainError(f"damaged gzip file: {error}", where=file) from error


@contextmanager
def open_text(file: Path) -> Iterator[io.TextIOWrapper]:
    """The file as text, with its line ends as they are."""
    with (
        open_bytes(file) as content,
        io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as text,
    ):
        yield text


def form_of(file: Path) -> Form:
    """The delimiter: the most frequent one in the first line, outside of quotes.

    If the lines that follow have as many of some of them, it is one of these: `price, EUR;size, m`
    is of semicolons. A line `sep=;` before it, as Excel knows, says it.
    """
    with open_bytes(file) as content:
        head = content.read(HEAD)
        if len(re.findall(LINE_END.encode(), head)) < 2:
            head += content.read(BLOCK)
        return _form(head, is_whole=not content.read(1))


@lru_cache(maxsize=1)  # of one file it is asked again and again
def _form(head: bytes, *, is_whole: bool) -> Form:
    text = head.decode("utf-8-sig", errors="replace").lstrip("\r\n")
    said = re.match(rf'"?sep=([^\w\s"]|\t)"?(?:{LINE_END}|$)', text, re.IGNORECASE)
    if said:
        return Form(said[1], 1)
    plain = _quoted(DELIMITERS).sub("", text)
    lines = [line for line in re.split(LINE_END, plain) if line.strip()]
    if not lines:
        return Form(DELIMITERS[0], 0)
    first, *others = lines if is_whole or len(lines) == 1 else lines[:-1]
    consistent = [
        delimiter
        for delimiter in ";\t|,"  # a comma may be a decimal comma
        if (n := first.count(delimiter))
        and all(line.count(delimiter) == n for line in others[:LINES])
    ]
    return Form(max(consistent if others and consistent else DELIMITERS, key=first.count), 0)


ZIP = b"PK\3\4"
"""How zip files begin, and with them .xlsx and .ods."""


def check_bytes(file: Path, delimiter: str) -> bool:
    """Whether each quote opens or closes a value, or is one of two within it.

    Raises `MtrainError` for text that is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    ends = np.zeros(256, bool)
    ends[list(b"\r\n" + delimiter.encode())] = True
    done = lines = quotes = 0
    in_order = True
    seen = b"\n"  # and, later, one more byte, whose next one was not there yet
    with open_bytes(file) as content:
        while block := content.read(PIECE):
            if not done and block.startswith(ZIP):
                raise MtrainError(
                    "a zip file, as spreadsheets are; export its table as CSV", where=file
                )
            _decode(decoder, block, done, file)
            if (at := block.find(b"\0")) >= 0:
                lines += block.count(b"\n", 0, at)
                problem = Problem("a NUL byte; this is no text", str(file), lines + 1)
                raise MtrainError(problem)
            lines += block.count(b"\n")
            seen += block if done else block.removeprefix(codecs.BOM_UTF8)
            done += len(block)
            if in_order:
                quotes, in_order = _are_in_order(seen, quotes, ends)
            seen = seen[-2:]
    _decode(decoder, b"", done, file)
    quotes, still = _are_in_order(seen + b"\n", quotes, ends)
    return in_order and still and quotes % 2 == 0


def find_quote_problem(
    file: Path, delimiter: str, *, lines: int | None = None
) -> QuoteProblem | None:
    """The first quote that is never closed, or closed before the value ends; None: no such quote.

    Space after a closing quote is nothing, and a quote within a value that does not begin with one
    is one of its signs. Of `lines` lines alone, counted from the first. The file is read whole.
    """
    with open_bytes(file) as opened:
        content = opened.read() if lines is None else opened.read(BLOCK)
    content = content.removeprefix(codecs.BOM_UTF8)
    if lines is not None:
        line_ends = re.finditer(LINE_END.encode(), content)
        last = next(islice(line_ends, lines - 1, None), None)
        content = content if last is None else content[: last.end()]
    sign = re.escape(delimiter.encode())
    value = re.compile(rb'"[^"]*+(?:""[^"]*+)*+(?:"([^' + sign + rb"\r\n]*))?")
    boundaries = b"\r\n" + delimiter.encode()
    at = end = column = 0
    while (at := content.find(b'"', at)) >= 0:
        if at and content[at - 1] not in boundaries:
            if not _begins(content, at, boundaries):
                at += 1
                continue
            line = 1 + len(re.findall(LINE_END.encode(), content[:at]))
            column = _column_after(content[end:at], column, delimiter)
            return QuoteProblem(line, column, "a space before a quote; remove it")
        column = _column_after(content[end:at], column, delimiter)
        match = value.match(content, at)
        if match is None or match[1] is None or match[1].strip():
            line = 1 + len(re.findall(LINE_END.encode(), content[:at]))
            if match is None or match[1] is None:
                return QuoteProblem(line, column, "a quote that is never closed")
            problem = "text after a closing quote; a quote within a value is written twice"
            return QuoteProblem(line, column, problem)
        at = end = match.end()
    return None


def _column_after(between: bytes, column: int, delimiter: str) -> int:
    """The column at the end of some bytes without values in quotes, which begin in `column`."""
    last = max(between.rfind(b"\n"), between.rfind(b"\r"))
    return between.count(delimiter.encode(), last + 1) + (column if last < 0 else 0)


def _begins(content: bytes, at: int, boundaries: bytes) -> bool:
    """Whether a value begins at `at`, the space before it aside."""
    while at and content[at - 1] in b" \t" and content[at - 1] not in boundaries:
        at -= 1
    return not at or content[at - 1] in boundaries


def _are_in_order(content: bytes, before: int, ends: NDArray[np.bool_]) -> tuple[int, bool]:
    """The number of quotes, all but the first and last byte looked at, and whether all are right.

    Of each two the first must stand where a value begins, the second where it ends, unless the two
    are one quote, written twice. `before` is their number until here, `ends` says of each byte
    whether it ends a value.
    """
    if b'"' not in content:
        return before, True
    signs = np.frombuffer(content, np.uint8)
    places = 1 + np.flatnonzero(signs[1:-1] == ord('"'))
    opens = (np.arange(len(places)) + before) % 2 == 0
    beside = signs[np.where(opens, places - 1, places + 1)]
    return before + len(places), bool((ends[beside] | (beside == ord('"'))).all())


def _quoted(delimiters: str) -> re.Pattern[str]:
    """A quoted value."""
    return re.compile(rf'(?<![^{re.escape(delimiters)}\r\n])"[^"]*+(?:""[^"]*+)*+"')


def _decode(decoder: codecs.IncrementalDecoder, block: bytes, done: int, file: Path) -> None:
    try:
        decoder.decode(block, final=not block)
    except UnicodeDecodeError as error:
        # A character may begin in one block and end in the next.
        at = done + len(block) - len(error.object) + error.start
        raise MtrainError(
            f"not UTF-8 text: byte {at:,} is {error.object[error.start]:#04x}",
            where=file,
            remedy="save it as UTF-8",
        ) from error
