"""How many threads of the CPU serve a training; needs no TensorFlow."""

from __future__ import annotations

import os
import re
from itertools import pairwise

from mtrain.errors import UsageError
from mtrain.records.training import MOST_THREADS

VARIABLE = "TF_NUM_INTRAOP_THREADS"
"""TensorFlow's environment variable."""

SMALL_STEP = 2**21
"""Rows of a batch times weights of the network: below it, a second thread costs more time than it
saves (`benchmarks/threads.py`)."""


def choose_threads(widths: tuple[int, ...], batch_size: int) -> int:
    """Threads of one operation: one, or as many as there are CPUs.

    By a rule, not a measurement, so that the same network has as many on the same machine.
    """
    return 1 if step_size(widths, batch_size) < SMALL_STEP else cpu_count()


def step_size(widths: tuple[int, ...], batch_size: int) -> int:
    """Rows times weights of a step; `widths` are those of all layers, input and output too."""
    return batch_size * sum(a * b for a, b in pairwise(widths))


def threads_asked() -> int | None:
    """The value of `TF_NUM_INTRAOP_THREADS`, if it is set; 0 stands for all CPUs.

    Raises `UsageError` for other values, with which TensorFlow would abort, hang or ignore it.
    """
    if not (value := os.environ.get(VARIABLE)):
        return None
    if not re.fullmatch("[0-9]{1,4}", value) or int(value) > MOST_THREADS:
        problem = f"must be a number of threads up to {MOST_THREADS:,}, got {value!r:.40}"
        raise UsageError(problem, where=VARIABLE)
    return int(value) or cpu_count()


def cpu_count() -> int:
    """How many CPUs this process may use."""
    # macOS has no affinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
