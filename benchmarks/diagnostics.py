"""What `diagnostics`, and a metric of Keras', cost an epoch, beside the same training without.

Two engines train the same network from the same weights, in turn, an epoch each; of each pair the
ratio is taken. Run with nothing else running:

    python benchmarks/diagnostics.py [PAIRS]
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
from engine import epoch_seconds, in_processes, in_turn, load_engine
from metrics_cost import median_interval
from workloads import WORKLOADS

COSTS: dict[str, dict[str, Any]] = {
    "`diagnostics: [activations]`": {"diagnostics": ("activations",)},
    "`diagnostics: [gradients]`": {"diagnostics": ("gradients",)},
    "`diagnostics: [weights]`": {"diagnostics": ("weights",)},
    "`metrics: [keras_recall]`": {"metrics": ["keras_recall"]},
}
"""Arguments of `epoch_seconds`, by how they are written in a config."""

MEASURED = [(name, what) for name in ("W1", "W2b") for what in COSTS]


def main() -> None:
    """Print a row a workload and setting."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    print("| | | without | with | cost, 95 % interval |")
    print("|---|---|---|---|---|")
    for line in in_processes(partial(measure, pairs), MEASURED):
        print(line, flush=True)


def measure(pairs: int, case: tuple[str, str]) -> str:
    """A row of the table, from so many pairs of epochs."""
    name, what = case
    load_engine(WORKLOADS[name])
    contestants = [
        epoch_seconds(WORKLOADS[name], pairs + 1, **{"metrics": ["accuracy"], **options})
        for options in ({}, COSTS[what])
    ]
    _, times = in_turn(contestants, pairs)
    without, with_it = np.median(times, axis=0)
    low, cost, high = median_interval(times[:, 1] / times[:, 0] - 1)
    return (
        f"| {name} {WORKLOADS[name]} | {what} | {without:.3f} s | {with_it:.3f} s "
        f"| {cost:.1%} ({low:.1%} to {high:.1%}) |"
    )


if __name__ == "__main__":
    main()
