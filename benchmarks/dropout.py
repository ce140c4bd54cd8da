"""Seconds an epoch without dropout and with it, by mtrain's layer and by Keras' own under XLA.

The engines take turns, an epoch each, after the first, which compiles. Each network is a process of
its own, with as many threads as mtrain's command has for it. Run with nothing else running:

    python benchmarks/dropout.py [ROUNDS]
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from engine import epoch_seconds, in_processes, in_turn, load_engine
from workloads import WORKLOADS

RATE = 0.2


def main() -> None:
    """Print a row a workload."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print("| | no dropout | dropout | Keras' layer under XLA | graph |")
    print("|---|---|---|---|---|")
    for line in in_processes(partial(measure, rounds), ("W1", "W2b", "W2B")):
        print(line, flush=True)


def measure(rounds: int, name: str) -> str:
    """A row of the table, from so many epochs each."""
    workload = WORKLOADS[name]
    load_engine(workload)
    import keras

    from mtrain.model.dropout import XlaDropout

    stock = RATE, keras.layers.Dropout
    contestants = [
        epoch_seconds(workload, rounds + 1),
        epoch_seconds(workload, rounds + 1, dropout=(RATE, XlaDropout)),
        epoch_seconds(workload, rounds + 1, dropout=stock),
        epoch_seconds(workload, rounds + 1, dropout=stock, jit_compile=False),
    ]
    _, times = in_turn(contestants, rounds)
    cells = " | ".join(f"{seconds:.2f} s" for seconds in np.median(times, axis=0))
    return f"| {name} {workload} | {cells} |"


if __name__ == "__main__":
    main()
