"""XLA's compiled loops, kept in the user's cache for later processes.

TensorFlow saves and loads what XLA compiled, and compares the whole program before it takes one; the
machine code is that of the first compilation, so the bits are the same. It checks neither the file
nor the processor, and a damaged or unwritable file ends the training. So each process gives it a
folder of its own, filled with files whose hashes were checked, and keeps new ones when it ends.
A file that TensorFlow refuses all the same is thrown away, and its loop compiled anew.
Only a process that trains once keeps anything: sweeps of two threads had members that failed with it.
The reason is not known, and it could not be repeated: TensorFlow 2.21 renames a file when it is whole, and
132 functions that two threads compiled at once, and three sweeps of two threads, did not fail.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mtrain.engine.threads import cpu_count, threads_asked
from mtrain.errors import MtrainError
from mtrain.loading import owns_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

VARIABLE = "TF_XLA_FLAGS"

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""Of TensorFlow's messages that are printed: 2 is errors, 3 is what ends the process."""

MOST_BYTES = 32_000_000
"""Of all files that are kept; those that were kept first are removed first. A loop takes 0.3 MB."""

FREE_BYTES = 1_000_000_000
"""On the disk, without which nothing is kept: a full one would end the training."""

GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""Devices of GPUs' drivers. What is compiled for a GPU is not kept."""

FLAGS = ("XLA_FLAGS", VARIABLE, "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA")

WORKING = ".working-"
"""How the names of folders of processes begin."""

LOCK = ".lock"
"""A file in such a folder, which its process holds locked."""

_LOADABLE: ContextVar[list[Path]] = ContextVar("_LOADABLE")
"""Kept files that TensorFlow may load in this context, each with its link in the process's folder."""


@contextmanager
def kept_compilations(threads: int | None) -> Iterator[None]:
    """In this context TensorFlow, not imported before, loads and keeps what XLA compiles.

    `threads` are those of an operation; None: all CPUs. There is an effect only in a process of
    mtrain's own, on Linux without a GPU, whose flags of XLA are in no file. The cache is
    `mtrain/xla` in `$XDG_CACHE_HOME`, or else in `~/.cache`; a folder that others may write to is
    not trusted. It can be removed at any time. Unless the user has set `LEVEL` to 0 or 1, TensorFlow
    then prints no errors, only raises them.
    """
    with ExitStack() as held:
        try:
            kept = _own_folder(threads) if _may_keep() else None
            working = None if kept is None else held.enter_context(_working_folder(kept.parent))
        except (OSError, RuntimeError, PackageNotFoundError):  # RuntimeError: there is no home
            kept = working = None
        if kept is None or working is None:
            yield
            return
        loadable: list[Path] = []
        with suppress(OSError):  # without them all is compiled
            loadable += _link_whole(kept, working)
        token, found = _LOADABLE.set(loadable), bool(loadable)
        held.callback(_LOADABLE.reset, token)
        held.enter_context(_told_tensorflow(working))
        yield
        with suppress(OSError):
            # Not after an error, for a file may be half written. What was compiled after one was refused
            # has another name than the next process looks for.
            if bool(loadable) == found:
                _keep_new(working, kept)
            _remove_old(kept.parent)


def compiled_anew_if_refused(call: Callable[[], T], anew: Callable[[], T] | None = None) -> T:
    """What `call` returns, which compiles by XLA; if it fails with kept files, what `anew` returns without.

    The files are thrown away: which of them TensorFlow refused is not known. `anew`, or `call` again, has to
    make its functions anew, because TensorFlow remembers by their names which ones failed. Errors are
    raised where there are no kept files.
    """
    import tensorflow as tf

    try:
        return call()
    except (tf.errors.OpError, MtrainError):  # the latter of custom code that is tried
        if not (loadable := _LOADABLE.get([])):
            raise
        for path in loadable:
            with suppress(OSError):
                path.unlink()
        loadable.clear()
    return (anew or call)()


def _may_keep() -> bool:
    """Whether this is a process of mtrain's own without a GPU, whose flags of XLA are all known."""
    # In place of flags the variables may name a file of flags, to which none can be added.
    flags = [os.environ.get(name, "").strip() for name in (VARIABLE, "XLA_FLAGS")]
    in_files = any(value and not value.startswith("-") for value in flags)
    return owns_process() and not in_files and not any(map(os.path.exists, GPUS))


@contextmanager
def _told_tensorflow(working: Path) -> Iterator[None]:
    """In this context the environment names the folder, and lets no error of TensorFlow's be printed.

    Without the latter, TensorFlow 2.21 prints several for each file that it loads, though it loads it: it
    reads the file as text before it reads it as binary, and takes LLVM's preferences, as
    `prefer-no-gather`, for features that this processor lacks. It reads the level once, when it
    first computes, so its other errors are not printed either in this process; what makes a
    training fail is raised. A user who asks for messages, by level 0 or 1, sees these, too; 2 is
    what a program that loaded TensorFlow by mtrain leaves to those that it starts.
    """
    names = (VARIABLE, LEVEL)
    before = {name: os.environ[name] for name in names if name in os.environ}
    escaped = str(working).replace("\\", "\\\\").replace('"', '\\"')
    flag = f'--tf_xla_persistent_cache_directory="{escaped}"'
    os.environ[VARIABLE] = f"{before[VARIABLE]} {flag}" if VARIABLE in before else flag
    if before.get(LEVEL) not in {"0", "1"}:
        os.environ[LEVEL] = "3"
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def _working_folder(cache: Path) -> Iterator[Path]:
    """A new folder for this process, locked: the system gives the lock back even if it is killed.

    Raises `OSError` where there are no locks.
    """
    folder = Path(tempfile.mkdtemp(prefix=WORKING, dir=cache))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; raises `OSError` if another process does, or has removed it."""
    with (folder / LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_nlink == 0:  # removed after it was opened
            raise FileNotFoundError(folder)
        yield


def _key(threads: int | None) -> str:
    """A hash of all that decides the machine code besides the program.

    Raises `OSError` or `PackageNotFoundError` where it is not known.
    """
    facts = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    names = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU", "Features")
    processor = [line for line in facts if line.startswith(names)]
    installed = distribution("tensorflow").read_text("RECORD")  # the hashes of its files
    if installed is None:
        raise FileNotFoundError("RECORD")
    flags = [os.environ.get(name) for name in FLAGS]
    n = threads_asked() or threads or cpu_count()
    return hashlib.sha256(repr((processor, installed, flags, n)).encode()).hexdigest()[:32]


def _own_folder(threads: int | None) -> Path:
    """The folder of what this process may load.

    Raises `OSError` if others may write to it, or the disk is nearly full, and as `_key`.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not folder.is_absolute():  # the standard says to ignore it
        folder = Path("~/.cache").expanduser()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("mtrain", "xla", _key(threads)):
        folder /= name
        folder.mkdir(exist_ok=True, mode=0o700)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
            raise PermissionError(folder)
    if shutil.disk_usage(folder).free < FREE_BYTES:
        raise OSError(folder)
    return folder


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _link_whole(kept: Path, working: Path) -> Iterator[Path]:
    """Link each whole file to the name by which TensorFlow looks for it, and remove the others.

    Yields the files and their links.
    """
    for path in kept.iterdir():
        name, _, sha256 = path.name.rpartition(".")
        with suppress(OSError):  # another process removes it
            if not stat.S_ISREG(path.lstat().st_mode):
                continue  # nothing that mtrain keeps; a pipe would be waited for
            if _hash(path) == sha256:
                (link := working / name).hardlink_to(path)
                yield from (path, link)
            else:
                path.unlink()


def _keep_new(working: Path, kept: Path) -> None:
    """Move the files that TensorFlow wrote; their names end with their hashes."""
    for path in working.iterdir():
        if path.name != LOCK and path.stat().st_nlink == 1:
            path.replace(kept / f"{path.name}.{_hash(path)}")


def _remove_old(cache: Path) -> None:
    """Remove files above the size, and what killed processes left behind."""
    for folder in cache.glob(f"{WORKING}*"):
        # Not by a number of the process: it may run on another machine, or in a container.
        with suppress(OSError), _locked(folder):
            shutil.rmtree(folder, ignore_errors=True)
    files = sorted(cache.glob("[!.]*/*"), key=lambda path: path.lstat().st_mtime, reverse=True)
    total = 0
    for path in files:
        total += path.lstat().st_size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
