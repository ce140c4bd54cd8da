"""What `diagnostics`, and a metric of Keras, cost an epoch, beside the same training without.

Two engines train the same network from the same weights, in turn, one epoch each. The cost is the
ratio within such a pair of epochs.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.engine import epoch_seconds, in_processes, in_turn, load_engine
from benchmarks.markdown import Table
from benchmarks.metrics_cost import median_interval
from benchmarks.record import parser_of, record
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.markdown import Row

COSTS: dict[str, dict[str, Any]] = {
    "diagnostics: [rows]": {"diagnostics": ("rows",)},
    "diagnostics: [activations]": {"diagnostics": ("activations",)},
    "diagnostics: [gradients]": {"diagnostics": ("gradients",)},
    "diagnostics: [weights]": {"diagnostics": ("weights",)},
    "metrics: [keras_recall]": {"metrics": ["keras_recall"]},
}
"""Arguments of `epoch_seconds`, by how they are written in a config."""

ROWS, *OTHERS = COSTS

MEASURED = [
    *((name, ROWS) for name in ("W1", "W2a", "W2b", "W2b-1200")),
    *((name, what) for name in ("W1", "W2b-1200") for what in OTHERS),
]

TIMES_AS_MANY = {"W1": 5, "W2a": 5}
"""Pairs of epochs of workloads whose epochs are short, and differ the more."""

TABLE = Table(
    {
        "network": "{workload} {network}",
        "setting": "`{setting}`",
        "without": "{without:.3f} s",
        "with": "{with_it:.3f} s",
        "cost, 95 % interval": "{cost:.1%} ({low:.1%} to {high:.1%})",
        "pairs": "{pairs}",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every workload and setting."""
    parser = parser_of("diagnostics", __doc__)
    parser.add_argument(
        "--pairs",
        type=int,
        default=10,
        help="pairs of epochs of each, of short ones five times as many [10]",
    )
    options = parser.parse_args(arguments)
    rows = in_processes(partial(measure, options.pairs), MEASURED)
    record(TABLE, rows, options.out, options.pairs)


def measure(pairs: int, case: tuple[str, str]) -> Row:
    """A row of the table, from so many pairs of epochs."""
    name, what = case
    pairs *= TIMES_AS_MANY.get(name, 1)
    load_engine(WORKLOADS[name])
    contestants = [
        epoch_seconds(WORKLOADS[name], pairs + 1, **{"metrics": ["accuracy"], **options})
        for options in ({}, COSTS[what])
    ]
    _, times = in_turn(contestants, pairs)
    without, with_it = np.median(times, axis=0)
    low, cost, high = median_interval(times[:, 1] / times[:, 0] - 1)
    return {
        "workload": name,
        "network": str(WORKLOADS[name]),
        "setting": what,
        "without": float(without),
        "with_it": float(with_it),
        "low": low,
        "cost": cost,
        "high": high,
        "pairs": pairs,
    }
