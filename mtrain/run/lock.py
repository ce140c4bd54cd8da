"""One process writes into a run directory."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

import filelock

from mtrain.errors import MtrainError, Problem
from mtrain.run.directory import LOCK, WRITER
from mtrain.run.files import read_bytes, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOOKING_SECONDS = 0.5
"""Longer than a check of the lock takes."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder`, which the system gives back if this process is killed.

    Raises `MtrainError` naming the process that holds it.
    """
    with _acquired(folder / LOCK, LOOKING_SECONDS, lambda: _in_use(folder)):
        try:
            # A separate file: the content of the lock file belongs to filelock.
            write_bytes(
                folder / WRITER, f"process {os.getpid()} on {platform.node()}".encode(), flush=False
            )
            yield
        finally:
            (folder / WRITER).unlink(missing_ok=True)


def is_locked(folder: Path) -> bool:
    """Whether a process holds the lock of `folder`; needs no permission to write there.

    A process that takes the lock at this moment waits briefly and gets it.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer.
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EAGAIN, errno.EACCES}
    finally:
        os.close(descriptor)  # which gives it back
    return False


def refuse_locked(folder: Path) -> None:
    """Raise `MtrainError` naming the process that holds the lock of `folder`, if one does."""
    if is_locked(folder):
        raise MtrainError(_in_use(folder))


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file at `path`; for short work.

    Raises `MtrainError` after a minute.
    """
    with _acquired(path, 60, lambda: Problem("is held by another process", str(path))):
        yield


@contextmanager
def _acquired(path: Path, seconds: float, problem: Callable[[], Problem]) -> Iterator[None]:
    """Hold the lock file at `path`; `problem` is the error if another process holds it longer."""
    lock = filelock.FileLock(path, timeout=seconds)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise MtrainError(problem()) from error
    except OSError as error:
        raise MtrainError(f"cannot be locked: {error.strerror}", where=path) from error
    except NotImplementedError as error:
        raise MtrainError(f"cannot be locked: {error}", where=path) from error
    try:
        yield
    finally:
        lock.release()


def _in_use(folder: Path) -> Problem:
    try:
        writer = read_bytes(folder / WRITER, at_most=1000).decode(errors="replace")
    except MtrainError:  # it has the lock and has not written its name yet
        writer = "another process"
    return Problem(f"is in use: {writer} writes into it", str(folder))
