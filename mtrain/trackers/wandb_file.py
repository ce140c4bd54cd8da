"""Whether an offline file of W&B is whole."""

from __future__ import annotations

import struct
import time
import zlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADER = b":W&B\xe1\xbe\x00"
"""Begins a file; its last byte is the version of the format."""

PIECE, BLOCK = struct.Struct("<IHB"), 32_768
"""What a piece of a record begins with: checksum, size and kind; and the bytes of a block, which no
piece crosses. It is LevelDB's log format, with the CRC-32 of zlib."""

FULL, LAST = 1, 4
"""Kinds of pieces with which a record is complete."""


LONGEST_WRITE = 10.0
"""Seconds."""


def becomes_whole(path: Path) -> bool:
    """Whether it is whole soon: W&B writes its end a little after it says that the run is finished.

    Raises `OSError`.
    """
    end, pause = time.monotonic() + LONGEST_WRITE, 0.02
    while not is_whole(path):
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
    return True


def is_whole(path: Path) -> bool:
    """Whether it has every record from the first to the one that ends a run, as they were written.

    True for a version of the format that is not known here. Raises `OSError`.
    """
    from google.protobuf.message import DecodeError
    from wandb.proto.wandb_internal_pb2 import Record

    ended = False
    with path.open("rb") as file:
        header = file.read(len(HEADER))
        if header != HEADER:
            return len(header) == len(HEADER) and header[:-1] == HEADER[:-1]
        try:
            for number, content in enumerate(_records(file), 1):
                record = Record.FromString(content)
                if record.num != number:
                    return False
                ended = record.HasField("exit")
        except (DecodeError, ValueError):
            return False
    return ended


def _records(file: BinaryIO) -> Iterator[bytes]:
    """Those after the header; raises `ValueError` for what is cut short or damaged."""
    record = b""
    while True:
        if (rest := BLOCK - file.tell() % BLOCK) < PIECE.size:  # which is filled with zeros
            file.seek(rest, 1)
        if not (header := file.read(PIECE.size)):
            break
        if len(header) < PIECE.size:
            raise ValueError("the header of a piece is cut short")
        checksum, size, kind = PIECE.unpack(header)
        piece = file.read(size)
        if zlib.crc32(piece, zlib.crc32(bytes([kind]))) != checksum:
            raise ValueError("a piece is cut short or damaged")
        record += piece
        if kind in {FULL, LAST}:
            yield record
            record = b""
    if record:
        raise ValueError("a record is cut short")
