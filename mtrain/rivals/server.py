"""A process that trains rivals for another one.

It reads a pickled task from its standard input, and writes each pickled result to its standard output.
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

FIRST_TO_GO = "500"
"""Of at most 1,000: where memory is short, Linux ends this process rather than the training."""

LOOKING_SECONDS = 1.0


def serve() -> None:
    """Train the rivals of one task; it ends with the process that asks, however that ends."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO)
    with os.fdopen(os.dup(1), "wb") as results, Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # what libraries print is no result
        task = pickle.load(sys.stdin.buffer)  # noqa: S301 -- from who started this process
        with suppress(BrokenPipeError):
            for name in task.names:
                pickle.dump(train_rival(name, task), results)
                results.flush()


def _end_with(parent: int) -> None:
    """End this process once its parent is another one."""
    while os.getppid() == parent:
        time.sleep(LOOKING_SECONDS)
    os._exit(0)
