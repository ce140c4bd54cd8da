"""Seconds an epoch as graph and under XLA, from which the rule of `training.compile: auto` comes.

The engines take turns, one epoch each, after the first epoch, which compiles. Each network runs in a
separate process, with as many threads as mtrain's command has for it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.engine import epoch_seconds, in_processes, in_turn, load_engine
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from benchmarks.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from benchmarks.markdown import Row

BATCHES = (32, 1200, 2400, 4096, 8192)

TABLE = Table(
    {
        "network": "{network}",
        "graph": "{graph:.3f} s",
        "xla": "{xla:.3f} s",
        "graph / xla": "{ratio:.2f}",
        "first epoch: graph": "{first_graph:.2f} s",
        "first epoch: xla": "{first_xla:.2f} s",
    }
)


def main(arguments: list[str]) -> None:
    """Measure the workloads; those of Adam and a small or wide network in several batch sizes."""
    parser = parser_of("compilation", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each engine [5]")
    options = parser.parse_args(arguments)
    several = (replace(WORKLOADS[name], batch_size=b) for name in ("W2a", "W2b") for b in BATCHES)
    workloads = (WORKLOADS["W1"], WORKLOADS["W3"], *several, WORKLOADS["W2c-1200"])
    rows = in_processes(partial(measure, options.rounds), workloads)
    record(TABLE, rows, options.out, options.rounds)


def measure(rounds: int, workload: Workload) -> Row:
    """A row of the table, from so many epochs each."""
    load_engine(workload)
    modes = (False, True)
    first, times = in_turn(
        [epoch_seconds(workload, rounds + 1, jit_compile=m) for m in modes], rounds
    )
    graph, xla = np.median(times, axis=0)
    return {
        "network": str(workload),
        "graph": float(graph),
        "xla": float(xla),
        "ratio": float(np.median(times[:, 0] / times[:, 1])),
        "first_graph": first[0],
        "first_xla": first[1],
    }
