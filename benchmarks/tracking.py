"""What `track` costs an epoch, beside the same training that tracks nothing.

Two engines train the same network from the same weights, in turn, an epoch each; of each pair the
ratio is taken. Run with nothing else running:

    python benchmarks/tracking.py [PAIRS]
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from engine import epoch_seconds, in_processes, in_turn, load_engine
from metrics_cost import median_interval
from workloads import WORKLOADS

MEASURED = [
    (name, tracked)
    for name in ("W1", "W2b")
    for tracked in (("activations",), ("gradients",), ("weights",))
]


def main() -> None:
    """Print a row a workload and kind."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print("| | `track` | nothing | tracked | cost, 95 % interval |")
    print("|---|---|---|---|---|")
    for line in in_processes(partial(measure, pairs), MEASURED):
        print(line, flush=True)


def measure(pairs: int, case: tuple[str, tuple[str, ...]]) -> str:
    """A row of the table, from so many pairs of epochs."""
    name, tracked = case
    load_engine(WORKLOADS[name])
    contestants = [
        epoch_seconds(WORKLOADS[name], pairs + 1, tracked=some) for some in ((), tracked)
    ]
    _, times = in_turn(contestants, pairs)
    nothing, everything = np.median(times, axis=0)
    low, cost, high = median_interval(times[:, 1] / times[:, 0] - 1)
    return (
        f"| {name} {WORKLOADS[name]} | {', '.join(tracked)} | {nothing:.3f} s | {everything:.3f} s "
        f"| {cost:.1%} ({low:.1%} to {high:.1%}) |"
    )


if __name__ == "__main__":
    main()
