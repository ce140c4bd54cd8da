"""A process that trains rivals for another one.

It reads pickled tasks from its standard input, and writes each pickled result to its standard output.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from mtrain.rivals.models import train_rival

NICENESS = 10
"""How far it steps back behind the training, where CPUs are few."""

LOOKING_SECONDS = 1.0


def serve() -> None:
    """Train the rivals of each task; it ends with the process that asks, however that ends."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.nice(NICENESS)
    with os.fdopen(os.dup(1), "wb") as results, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what libraries print is no result
        with suppress(EOFError, BrokenPipeError):
            while True:
                task = pickle.load(sys.stdin.buffer)  # noqa: S301 -- from who started this process
                for name in task.names:
                    pickle.dump(train_rival(name, task), results)
                    results.flush()


def _end_with(parent: int) -> None:
    """End this process once its parent is another one."""
    while os.getppid() == parent:
        time.sleep(LOOKING_SECONDS)
    os._exit(0)
