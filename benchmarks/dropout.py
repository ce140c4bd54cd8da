"""Seconds an epoch without dropout and with it, by mtrain's layer and by Keras' own under XLA.

The engines take turns, one epoch each, after the first epoch, which compiles. Each network runs in a
separate process, with as many threads as mtrain's command has for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.engine import epoch_seconds, in_processes, in_turn, load_engine
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.markdown import Row

RATE = 0.2

TABLE = Table(
    {
        "network": "{workload} {network}",
        "no dropout": "{without:.2f} s",
        "dropout": "{dropout:.2f} s",
        "Keras' layer under XLA": "{keras:.2f} s",
        "graph": "{graph:.2f} s",
    }
)


def main(arguments: list[str]) -> None:
    """Measure three workloads."""
    parser = parser_of("dropout", __doc__)
    parser.add_argument("--rounds", type=int, default=5, help="epochs of each engine [5]")
    options = parser.parse_args(arguments)
    rows = in_processes(partial(measure, options.rounds), ("W1", "W2b", "W2b-1200"))
    record(TABLE, rows, options.out, options.rounds)


def measure(rounds: int, name: str) -> Row:
    """A row of the table, from so many epochs each."""
    workload = WORKLOADS[name]
    load_engine(workload)
    import keras

    from mtrain.model.dropout import XlaDropout

    stock = RATE, keras.layers.Dropout
    contestants = {
        "without": epoch_seconds(workload, rounds + 1),
        "dropout": epoch_seconds(workload, rounds + 1, dropout=(RATE, XlaDropout)),
        "keras": epoch_seconds(workload, rounds + 1, dropout=stock),
        "graph": epoch_seconds(workload, rounds + 1, dropout=stock, jit_compile=False),
    }
    _, times = in_turn(list(contestants.values()), rounds)
    medians = map(float, np.median(times, axis=0))
    seconds = dict(zip(contestants, medians, strict=True))
    return {"workload": name, "network": str(workload), **seconds}
