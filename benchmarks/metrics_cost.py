"""What exact metrics of every class cost an epoch, for 10, 100 and 1,000 classes.

Two engines train the same network from the same weights, in turn, one epoch each: one as it is, with
the figures that a run has by default, and one that counts nothing, with `metrics: []`. The cost is
the ratio within such a pair of epochs: its median, and an interval that contains the median with
95 % confidence. Each network runs in a separate process, with as many threads as mtrain's command
has for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from benchmarks.engine import epoch_seconds, in_processes, in_turn, load_engine
from benchmarks.markdown import Table
from benchmarks.record import parser_of, record
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.markdown import Row

MEASURED = (
    *(("W1", 10), ("W2a", 10), ("W2b", 10), ("W2c", 10)),
    *(("W1", 100), ("W2b", 100), ("W1", 1000), ("W2b", 1000)),
)


TABLE = Table(
    {
        "network": "{workload} {network}",
        "classes": "{classes:,}",
        "counting nothing": "{nothing:.3f} s",
        "every class": "{everything:.3f} s",
        "cost, 95 % interval": "{cost:.1%} ({low:.1%} to {high:.1%})",
    }
)


def main(arguments: list[str]) -> None:
    """Measure every workload and number of classes."""
    parser = parser_of("metrics_cost", __doc__)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of epochs of each [20]")
    options = parser.parse_args(arguments)
    rows = in_processes(partial(measure, options.pairs), MEASURED)
    record(TABLE, rows, options.out, options.pairs)


def measure(pairs: int, case: tuple[str, int]) -> Row:
    """A row of the table, from so many pairs of epochs."""
    name, classes = case
    load_engine(WORKLOADS[name], classes)
    counting = epoch_seconds(WORKLOADS[name], pairs + 1, classes=classes)
    _, times = in_turn([uncounted(name, pairs + 1, classes), counting], pairs)
    nothing, everything = np.median(times, axis=0)
    low, cost, high = median_interval(times[:, 1] / times[:, 0] - 1)
    return {
        "workload": name,
        "network": str(WORKLOADS[name]),
        "classes": classes,
        "nothing": float(nothing),
        "everything": float(everything),
        "low": low,
        "cost": cost,
        "high": high,
    }


def uncounted(name: str, count: int, classes: int) -> Iterator[float]:
    """Epochs of an engine that counts rows, whatever their class."""
    import tensorflow as tf

    from mtrain.engine import trainer
    from mtrain.engine.step import Carried, Step

    class Uncounted(Step):
        def initial_sums(self) -> Carried:
            return super().initial_sums()._replace(confusion=tf.zeros((1, 1), tf.int32))

        def _counted(self, confusion: Any, labels: Any, _predicted: Any) -> Any:
            return confusion + labels.shape[0]

    contestant = epoch_seconds(WORKLOADS[name], count, classes=classes, metrics=[])
    with mock.patch.object(trainer, "Step", Uncounted):
        first = next(contestant)  # builds the engine
    yield first
    yield from contestant


def median_interval(values: Any) -> tuple[float, float, float]:
    """Low end, median and high end of a 95 % interval of the median, by the sign test."""
    from scipy.stats import binom

    ordered = np.sort(values)
    k = max(1, int(binom.ppf(0.025, len(ordered), 0.5)))
    return float(ordered[k - 1]), float(np.median(ordered)), float(ordered[-k])
