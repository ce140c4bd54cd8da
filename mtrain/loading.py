"""Loading matplotlib without settings from the current folder."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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
