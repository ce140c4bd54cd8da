"""A process of mtrain's own beside this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CALL = """
import sys
sys.path.insert(0, sys.argv[1])
import mtrain
del sys.path[0]
from importlib import import_module
getattr(import_module(sys.argv[2]), sys.argv[3])()
"""
"""Only mtrain itself is taken from the folder that this one is in, which may be the current folder, and
have anything in it."""

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""By which libraries of linear algebra choose their threads."""


def start_beside(module: str, function: str, **options: Any) -> subprocess.Popen[bytes]:
    """Call a function without arguments in a new process, whose output is dropped.

    Its libraries compute with one thread. `options` are those of `Popen`. Raises `OSError` if there is no
    room for it, or if this program is not run by a Python of its own.
    """
    if not sys.executable or getattr(sys, "frozen", False):
        raise OSError("this program has no Python to start")
    return subprocess.Popen(  # noqa: S603 -- Python and this package
        # -P: no module of the current folder is taken for one of theirs.
        [sys.executable, "-P", "-c", CALL, str(Path(__file__).parents[1]), module, function],
        **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options},
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        process_group=0,  # Ctrl-C is for this process
    )
