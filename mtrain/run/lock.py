"""One process writes into a run directory."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import filelock

from mtrain.errors import MtrainError, Problem
from mtrain.run.directory import LOCK, LOGGING, WRITER, refuse_link
from mtrain.run.files import is_denied, read_bytes, write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LOOKING_SECONDS = 0.5
"""Longer than a check of the lock takes."""

LONGEST_WAIT = 60.0
"""Seconds."""


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
        descriptor = _open_to_read(folder / LOCK)
    except OSError:
        return False
    try:
        return _is_held(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)  # which gives it back


def refuse_locked(folder: Path) -> None:
    """Raise `MtrainError` naming the process that holds the lock of `folder`, if one does."""
    if is_locked(folder):
        raise MtrainError(_in_use(folder))


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process holds the lock file at `path`; for short work.

    Raises `MtrainError` after a minute.
    """
    with _acquired(path, LONGEST_WAIT, lambda: Problem("is held by another process", str(path))):
        yield


@contextmanager
def logging_alone(folder: Path, tracker: str) -> Iterator[None]:
    """Wait until nothing else logs the run or sweep in `folder` to this tracker.

    Needs no permission to write there. Raises `MtrainError` after a minute.
    """
    remedy = "log it again when that has ended"
    problem = Problem("is being logged by another process", str(folder), remedy=remedy)
    path = folder / f"{LOGGING}{tracker}"
    refuse_link(path)
    with ExitStack() as held:
        try:
            held.enter_context(_acquired(path, LONGEST_WAIT, lambda: problem))
        except MtrainError as error:
            if not is_denied(error):
                raise
            readable = path if os.access(path, os.R_OK) else folder
            held.enter_context(_acquired_to_read(readable, problem))
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


@contextmanager
def _acquired_to_read(path: Path, problem: Problem) -> Iterator[None]:
    """Hold the lock of a file or folder that cannot be written, if its file system has such locks."""
    try:
        descriptor = _open_to_read(path)
    except OSError as error:
        raise MtrainError(f"cannot be read: {error.strerror}", where=path) from error
    try:
        end = time.monotonic() + LONGEST_WAIT
        while _is_held(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > end:
                raise MtrainError(problem)
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def _open_to_read(path: Path) -> int:
    # Without O_NONBLOCK, opening a FIFO waits for a writer.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)


def _is_held(descriptor: int, kind: int) -> bool:
    """Whether another has the lock; otherwise it is taken, `kind` says to be shared or not."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EAGAIN, errno.EACCES}
    return False


def _in_use(folder: Path) -> Problem:
    try:
        writer = read_bytes(folder / WRITER, at_most=1000).decode(errors="replace")
    except MtrainError:  # it has the lock and has not written its name yet
        writer = "another process"
    return Problem(f"is in use: {writer} writes into it", str(folder))
