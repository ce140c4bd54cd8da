"""Loading libraries: quietly, quickly, and matplotlib without settings from the current folder."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator


_OWNED = threading.Event()

_CHANGING_FOLDER = threading.Lock()


def own_process() -> None:
    """Tell mtrain that nothing else runs in this process: libraries then load faster."""
    # Most objects here live as long as the process, those of modules above all; with Python's own
    # threshold they are searched for garbage again and again.
    gc.set_threshold(100_000)
    _OWNED.set()


def owns_process() -> bool:
    """Whether no other program in this process uses libraries that mtrain loads."""
    return _OWNED.is_set()


@contextmanager
def hidden_packages(packages: Collection[str]) -> Iterator[None]:
    """In this thread, imports find none of these packages, unless they are imported already."""
    finder = _Hides(packages)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Hides(MetaPathFinder):
    """Says of some packages that they are not installed, in the thread that it is made in."""

    def __init__(self, packages: Collection[str]) -> None:
        self._packages = packages
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 -- its interface
        """Returns None, so that the next finder is asked; raises `ModuleNotFoundError` for a package."""
        if name in self._packages and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is hidden here", name=name)


def load_meanwhile(module: str, *, then: str | None = None) -> None:
    """In a process of mtrain's own: import a module while something else is computed, to have it later.

    `then` is a function of it that loads more.
    """

    def load() -> None:
        with suppress(ImportError):  # who needs it will say so
            loaded = import_module(module)
            if then is not None:
                getattr(loaded, then)()

    if owns_process():
        threading.Thread(target=load, daemon=True).start()


def load_matplotlib() -> None:
    """Import matplotlib, unless imported, without reading a `matplotlibrc` of the current folder.

    It reads one while it is imported, before any of its settings can be reset: one that is damaged,
    or somebody else's, would end the command. While it lasts, the process is in another folder.
    """
    with _CHANGING_FOLDER:
        if "matplotlib" in sys.modules:
            return
        with _away():
            import matplotlib as mpl  # noqa: F401 -- to have read its settings


@contextmanager
def _away() -> Iterator[None]:
    """Change to this package's folder, and back afterwards, even to a deleted folder."""
    # By a descriptor: a deleted folder has no path, and one without permission cannot be listed.
    here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
    try:
        os.chdir(Path(__file__).parent)
        yield
    finally:
        os.fchdir(here)
        os.close(here)


@contextmanager
def held_back_stderr() -> Iterator[Callable[[], str]]:
    """Redirect stderr, C++ included, to a file; yields a function that reads the file."""
    try:
        stderr = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        # Test runners and notebooks replace it by objects that are not files.
        yield str
        return
    sys.stderr.flush()
    kept = os.dup(stderr)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), stderr)

        def printed() -> str:
            restore()
            file.seek(0)
            return file.read().decode(errors="replace")

        def restore() -> None:
            sys.stderr.flush()
            os.dup2(kept, stderr)

        try:
            yield printed
        finally:
            restore()
            os.close(kept)
