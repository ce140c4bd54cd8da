"""Loading libraries: quietly, and matplotlib without settings from the current folder."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def load_matplotlib() -> None:
    """Import matplotlib, unless imported, without reading a `matplotlibrc` of the current folder.

    It reads one while it is imported, before any of its settings can be reset: one that is damaged,
    or somebody else's, would end the command. Keras imports matplotlib, too, so that this comes
    before Keras. While it lasts, the process is in another folder.
    """
    if "matplotlib" not in sys.modules:
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
