"""One process writes into a run directory."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

import filelock

from mtrain.errors import MtrainError
from mtrain.run.directory import LOCK, WRITER
from mtrain.run.files import read_bytes, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which the system gives back if this process is killed.

    Raises `MtrainError` naming the process that holds it.
    """
    with _acquired(folder):
        try:
            # A file of its own: what the lock's own file holds is filelock's business.
            write_bytes(folder / WRITER, f"process {os.getpid()} on {platform.node()}".encode())
            yield
        finally:
            (folder / WRITER).unlink(missing_ok=True)


def refuse_locked(folder: Path) -> None:
    """Raise `MtrainError` naming the process that holds the lock of `folder`, if one does."""
    lock = folder / LOCK
    if lock.is_file() and not lock.is_symlink() and os.access(lock, os.W_OK):
        with _acquired(folder):
            pass


@contextmanager
def _acquired(folder: Path) -> Iterator[None]:
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise MtrainError(f"{folder}: is in use: {_writer(folder)} writes into it") from error
    except OSError as error:
        raise MtrainError(f"{folder / LOCK}: cannot be locked: {error.strerror}") from error
    except NotImplementedError as error:
        raise MtrainError(f"{folder / LOCK}: cannot be locked: {error}") from error
    try:
        yield
    finally:
        lock.release()


def _writer(folder: Path) -> str:
    try:
        return read_bytes(folder / WRITER, at_most=1000).decode(errors="replace")
    except MtrainError:  # it has the lock and has not said yet who it is
        return "another process"
