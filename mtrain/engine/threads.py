"""How many threads of the CPU serve a training; needs no TensorFlow."""

from __future__ import annotations

import os
from itertools import pairwise

SMALL_STEP = 2**21
"""Rows of a batch times weights of the network: below it, a second thread costs a step more than it
takes off it (`benchmarks/threads.py`)."""


def choose_threads(widths: tuple[int, ...], batch_size: int) -> int:
    """Threads of one operation: one, or as many as there are CPUs.

    `widths` are those of all layers, input and output too. By a rule and no race, so that the same
    network has the same on the same machine.
    """
    weights = sum(a * b for a, b in pairwise(widths))
    return 1 if batch_size * weights < SMALL_STEP else cpu_count()


def cpu_count() -> int:
    """How many CPUs this process may use."""
    # macOS has no affinity.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
