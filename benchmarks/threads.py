"""Seconds an epoch with one thread and with all, by which the number of threads has its rule.

Each training is a process of its own, the two in turn. Run with nothing else running:

    python benchmarks/threads.py [ROUNDS]
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from operator import itemgetter

import numpy as np
from engine import epoch_seconds, in_processes
from workloads import WORKLOADS, Workload

from mtrain.engine.backend import load_tensorflow
from mtrain.engine.threads import cpu_count, step_size

EPOCHS = 6
"""The first compiles."""

SMALL = (
    *(WORKLOADS[name] for name in ("W1", "W2a", "W3")),
    *(replace(WORKLOADS["W2a"], batch_size=size) for size in (64, 128, 256, 1200)),
    *(replace(WORKLOADS["W2a"], hidden=(units,)) for units in (64, 128, 256)),
    *(replace(WORKLOADS["W1"], batch_size=size) for size in (64, 128, 256)),
    *(replace(WORKLOADS["W3"], hidden=(units,) * 2) for units in (128, 256)),
)


def main() -> None:
    """Print a row a workload, in order of the size of a step."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    print("| | rows x weights | one thread | all threads | all / one |")
    print("|---|---|---|---|---|")
    sizes = {workload: step_size(workload.widths, workload.batch_size) for workload in SMALL}
    for workload, size in sorted(sizes.items(), key=itemgetter(1)):
        turns = [(workload, threads) for threads in (1, cpu_count())] * rounds
        times = np.array(list(in_processes(measure, turns))).reshape(rounds, 2)
        one, every = np.median(times, axis=0)
        ratio = np.median(times[:, 1] / times[:, 0])
        cells = f"{size / 1e6:.1f} million | {one:.3f} s | {every:.3f} s | {ratio:.2f}"
        print(f"| {workload} | {cells} |", flush=True)


def measure(case: tuple[Workload, int]) -> float:
    """Median seconds of the epochs after the first, with so many threads."""
    workload, threads = case
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    load_tensorflow()
    return float(np.median(list(epoch_seconds(workload, EPOCHS))[1:]))


if __name__ == "__main__":
    main()
