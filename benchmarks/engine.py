"""mtrain's engine within one process, epoch by epoch, to be compared with itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from workloads import CLASSES, PIXELS, ROWS, Workload

from mtrain.config.load import load_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.engine.network import Network
    from mtrain.records import Split


def network_of(workload: Workload, classes: int = CLASSES) -> Network:
    """Its network, untrained."""
    from mtrain.engine.network import make_network
    from mtrain.model import build_loss, build_model

    config = load_config({"model": {"hidden": list(workload.hidden)}}, {})
    model = build_model(config.model, PIXELS, classes, seed=0)
    return make_network(model, build_loss(config.loss, classes), classes, divisor=255.0)


def epochs(
    workload: Workload,
    count: int,
    *,
    classes: int = CLASSES,
    jit_compile: bool = True,
    metrics: list[str] | None = None,
) -> Iterator[float]:
    """Seconds of one epoch of random images after the other, with its figures: those of `metrics`.

    None: the ones that a run has by default. The first compiles.
    """
    from mtrain.engine.training import Trainer
    from mtrain.metrics.epoch import epoch_figures
    from mtrain.model import build_optimizer
    from mtrain.records import EpochRecord

    settings: dict[str, Any] = {"optimizer": workload.optimizer}
    config = load_config(settings if metrics is None else settings | {"metrics": metrics}, {})
    trainer = Trainer(
        network_of(workload, classes),
        build_optimizer(config.optimizer),
        random_images(ROWS, classes),
        None,
        epochs=count,
        batch_size=workload.batch_size,
        jit_compile=jit_compile,
    )
    records = trainer.records()
    for _ in range(count):
        began = time.perf_counter()
        while not isinstance(record := next(records), EpochRecord):
            pass
        epoch_figures(record, config.metrics)
        yield time.perf_counter() - began


def random_images(rows: int, classes: int = CLASSES) -> Split:
    """Of the size of Fashion-MNIST's, of random classes."""
    from mtrain.records import Split

    generator = np.random.default_rng(0)
    features = generator.integers(0, 256, (rows, PIXELS), np.uint8)
    labels = generator.integers(0, classes, rows, np.int32)
    return Split(features, labels, np.arange(rows))


def in_turn(contestants: list[Iterator[float]], rounds: int) -> Any:
    """Seconds of `rounds` epochs of each, after the first; shape (`rounds`, contestants).

    Who goes first takes turns, too.
    """
    for contestant in contestants:
        next(contestant)  # compiles
    order = list(range(len(contestants)))
    times = np.empty((rounds, len(contestants)))
    for number in range(rounds):
        for k in order if number % 2 else reversed(order):
            times[number, k] = next(contestants[k])
    return times
