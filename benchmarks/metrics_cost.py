"""What exact metrics of every class cost an epoch, for 10, 100 and 1,000 classes.

Two engines train the same network from the same weights, in turn, an epoch each: one as it is, with
the figures that a run has by default, and one that counts nothing, with `metrics: []`. Of each pair
of epochs the ratio is taken; printed are its median and an interval that holds it with 95 %
confidence. Run with nothing else running:

    python benchmarks/metrics_cost.py [PAIRS]
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from workloads import PIXELS, ROWS, WORKLOADS, Workload

from mtrain.config.load import load_config
from mtrain.engine.backend import load_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records import Split

MEASURED = [
    *((name, 10) for name in ("W1", "W2a", "W2b", "W2c")),
    ("W1", 100),
    ("W2b", 100),
    ("W1", 1000),
    ("W2b", 1000),
]


def main() -> None:
    """Print a row a workload and number of classes."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    load_tensorflow()
    print("| | classes | counting nothing | every class | cost, 95 % interval |")
    print("|---|---|---|---|---|")
    for name, classes in MEASURED:
        contestants = [
            epochs(WORKLOADS[name], classes, pairs, counts=counts) for counts in (False, True)
        ]
        for contestant in contestants:
            next(contestant)  # compiles
        # Who goes first takes turns, too.
        times = np.array(
            [
                [next(contestants[k]) for k in order][:: order[1] - order[0]]
                for order in ((0, 1), (1, 0)) * (pairs // 2)
            ]
        )
        nothing, everything = np.median(times, axis=0)
        low, cost, high = median_interval(times[:, 1] / times[:, 0] - 1)
        print(
            f"| {name} {WORKLOADS[name]} | {classes:,} | {nothing:.3f} s | {everything:.3f} s "
            f"| {cost:.1%} ({low:.1%} to {high:.1%}) |",
            flush=True,
        )


def median_interval(values: Any) -> tuple[float, float, float]:
    """Low end, median and high end of a 95 % interval of the median, by the sign test."""
    from scipy.stats import binom

    ordered = np.sort(values)
    k = max(1, int(binom.ppf(0.025, len(ordered), 0.5)))
    return ordered[k - 1], float(np.median(ordered)), ordered[-k]


def epochs(workload: Workload, classes: int, pairs: int, *, counts: bool) -> Iterator[float]:
    """Seconds of one epoch after the other."""
    import tensorflow as tf

    from mtrain.engine import training
    from mtrain.engine.network import make_network
    from mtrain.engine.steps import CompiledSteps
    from mtrain.metrics.epoch import epoch_figures
    from mtrain.model import build_loss, build_model, build_optimizer
    from mtrain.records import EpochRecord

    class Uncounted(CompiledSteps):
        """Counts the rows alone, without which there is no mean loss."""

        def _counted(
            self,
            confusion: tf.Tensor,
            labels: tf.Tensor,
            outputs: tf.Tensor,  # noqa: ARG002 -- as the method it replaces
        ) -> tf.Tensor:
            return tf.tensor_scatter_nd_add(confusion, [[0, 0]], [labels.shape[0]])

    vars(training)["CompiledSteps"] = CompiledSteps if counts else Uncounted
    settings: dict[str, Any] = {
        "model": {"hidden": list(workload.hidden)},
        "optimizer": workload.optimizer,
        "training": {"batch_size": workload.batch_size, "epochs": pairs + 1},
    }
    config = load_config(settings if counts else settings | {"metrics": []}, {})
    model = build_model(config.model, PIXELS, classes, seed=0)
    trainer = training.Trainer(
        make_network(model, build_loss(config.loss, classes), classes, divisor=255.0),
        build_optimizer(config.optimizer),
        random_images(classes),
        None,
        epochs=config.training.epochs,
        batch_size=workload.batch_size,
        jit_compile=True,
    )
    records = trainer.records()
    while True:
        began = time.perf_counter()
        while not isinstance(record := next(records), EpochRecord):
            pass
        epoch_figures(record, config.metrics)
        yield time.perf_counter() - began


def random_images(classes: int) -> Split:
    """As many as Fashion-MNIST has, of the same size."""
    from mtrain.records import Split

    generator = np.random.default_rng(0)
    features = generator.integers(0, 256, (ROWS, PIXELS), np.uint8)
    labels = generator.integers(0, classes, ROWS, np.int32)
    return Split(features, labels, np.arange(ROWS))


if __name__ == "__main__":
    main()
