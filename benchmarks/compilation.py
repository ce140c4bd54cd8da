"""Seconds an epoch as graph and under XLA, by which `training.compile: auto` has its rule.

The engines take turns, an epoch each, after the first, which compiles. Each network is a process of
its own, with as many threads as mtrain's command has for it. Run with nothing else running:

    python benchmarks/compilation.py [ROUNDS]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import numpy as np
from engine import epoch_seconds, in_processes, in_turn, load_engine
from workloads import WORKLOADS, Workload

BATCHES = (32, 1200, 2400, 4096, 8192)


def main() -> None:
    """Print a row a workload; those of Adam and a small or wide network in several batch sizes."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    several = (replace(WORKLOADS[name], batch_size=b) for name in ("W2a", "W2b") for b in BATCHES)
    print("| | graph | xla | graph / xla | first epoch: graph | xla |")
    print("|---|---|---|---|---|---|")
    workloads = (WORKLOADS["W1"], WORKLOADS["W3"], *several, WORKLOADS["W2C"])
    for line in in_processes(partial(measure, rounds), workloads):
        print(line, flush=True)


def measure(rounds: int, workload: Workload) -> str:
    """A row of the table, from so many epochs each."""
    load_engine(workload)
    modes = (False, True)
    first, times = in_turn(
        [epoch_seconds(workload, rounds + 1, jit_compile=m) for m in modes], rounds
    )
    graph, xla = np.median(times, axis=0)
    ratio = np.median(times[:, 0] / times[:, 1])
    compiled = " | ".join(f"{seconds:.2f} s" for seconds in first)
    return f"| {workload} | {graph:.3f} s | {xla:.3f} s | {ratio:.2f} | {compiled} |"


if __name__ == "__main__":
    main()
