"""Seconds an epoch with one thread and with all, by which the number of threads has its rule.

Each training is a process of its own, the two in turn. Run with nothing else running:

    python benchmarks/threads.py [ROUNDS]
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import numpy as np
from engine import epochs
from processes import run
from workloads import WORKLOADS, Workload

from mtrain.engine.backend import load_tensorflow

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
    for workload in sorted(SMALL, key=step_size):
        times = np.array(
            [[measure(workload, threads) for threads in (1, 0)] for _ in range(rounds)]
        )
        one, every = np.median(times, axis=0)
        ratio = np.median(times[:, 1] / times[:, 0])
        size = f"{step_size(workload) / 1e6:.1f} million"
        print(f"| {workload} | {size} | {one:.3f} s | {every:.3f} s | {ratio:.2f} |", flush=True)


def step_size(workload: Workload) -> int:
    """By which `mtrain.engine.device.choose_threads` decides."""
    return workload.batch_size * sum(a * b for a, b in workload.kernels)


def measure(workload: Workload, threads: int) -> float:
    """Median seconds of the epochs after the first of a process; 0 `threads`: as many as CPUs."""
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads or os.cpu_count())
    training = json.dumps([workload.hidden, workload.optimizer, workload.batch_size])
    _, lines = run([sys.executable, __file__, "--train", training])
    return float(lines[-1])


def train(hidden: list[int], optimizer: str, batch_size: int) -> None:
    """Print what `measure` returns."""
    load_tensorflow()
    workload = Workload(tuple(hidden), optimizer, batch_size, target=1, per_class_target=1)
    print(np.median(list(epochs(workload, EPOCHS))[1:]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(*json.loads(sys.argv[2]))
    else:
        main()
