"""Seconds an epoch with one thread and with all, from which the number of threads has its rule.

Each training runs in a separate process, one thread and all threads in turn.
"""

from __future__ import annotations

import os
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.engine import epoch_seconds, in_processes
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from benchmarks.workloads import WORKLOADS, Workload
from mtrain.engine.backend import load_tensorflow
from mtrain.engine.threads import cpu_count, step_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.markdown import Row

EPOCHS = 6
"""The first compiles."""

SMALL = (
    *(WORKLOADS[name] for name in ("W1", "W2a", "W3")),
    *(replace(WORKLOADS["W2a"], batch_size=size) for size in (64, 128, 256, 1200)),
    *(replace(WORKLOADS["W2a"], hidden=(units,)) for units in (64, 128, 256)),
    *(replace(WORKLOADS["W1"], batch_size=size) for size in (64, 128, 256)),
    *(replace(WORKLOADS["W3"], hidden=(units,) * 2) for units in (128, 256)),
)

TABLE = Table(
    {
        "network": "{network}",
        "rows x weights": "{millions:.1f} million",
        "one thread": "{one:.3f} s",
        "all threads": "{every:.3f} s",
        "all / one": "{ratio:.2f}",
    }
)


def main(arguments: list[str]) -> None:
    """Measure the small workloads, in order of the size of a step."""
    parser = parser_of("threads", __doc__)
    parser.add_argument("--rounds", type=int, default=3, help="processes of each [3]")
    options = parser.parse_args(arguments)
    record(TABLE, measured(options.rounds), options.out, options.rounds)


def measured(rounds: int) -> Iterator[Row]:
    """The rows of the table, from so many processes each."""
    sizes = {workload: step_size(workload.widths, workload.batch_size) for workload in SMALL}
    for workload, size in sorted(sizes.items(), key=itemgetter(1)):
        turns = [(workload, threads) for threads in (1, cpu_count())] * rounds
        times = np.array(list(in_processes(measure, turns))).reshape(rounds, 2)
        one, every = np.median(times, axis=0)
        yield {
            "network": str(workload),
            "millions": size / 1e6,
            "one": float(one),
            "every": float(every),
            "ratio": float(np.median(times[:, 1] / times[:, 0])),
        }


def measure(case: tuple[Workload, int]) -> float:
    """Median seconds of the epochs after the first, with so many threads."""
    workload, threads = case
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    load_tensorflow()
    return float(np.median(list(epoch_seconds(workload, EPOCHS))[1:]))
