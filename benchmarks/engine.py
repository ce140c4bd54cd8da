"""mtrain's engine within one process, epoch by epoch, to be compared with itself."""

from __future__ import annotations

import time
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.workloads import CLASSES, PIXELS, ROWS, Workload
from mtrain.config.loading.load import load_config
from mtrain.engine.backend import load_tensorflow
from mtrain.engine.threads import choose_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mtrain.engine.network import Network
    from mtrain.records.dataset import Split


def in_processes(function: Callable[[Any], Any], cases: Iterable[Any]) -> Iterator[Any]:
    """`function` of every case, one after the other, each in a separate process.

    TensorFlow's threads hold for a whole process.
    """
    with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        yield from pool.imap(function, cases)


def load_engine(workload: Workload, classes: int = CLASSES) -> None:
    """Load TensorFlow with as many threads as mtrain's command has for this workload on a CPU."""
    load_tensorflow()
    from mtrain.engine.device import choose_device

    widths = (*workload.widths[:-1], classes)
    choose_device("cpu", choose_threads(widths, workload.batch_size))


def network_of(
    workload: Workload, classes: int = CLASSES, dropout: tuple[float, Any] | None = None
) -> Network:
    """Its network, untrained; with `dropout` of this rate and kind of layer."""
    import keras

    from mtrain.engine.network import make_network
    from mtrain.model.loss import build_loss
    from mtrain.model.perceptron import build_model

    rate, layer = dropout or (0.0, keras.layers.Dropout)
    config = load_config({"model": {"hidden": list(workload.hidden), "dropout": rate}}, {})
    model = build_model(config.model, PIXELS, classes, 0, layer)
    return make_network(model, build_loss(config.loss, classes), classes, divisor=255.0)


def epoch_seconds(
    workload: Workload,
    count: int,
    *,
    classes: int = CLASSES,
    jit_compile: bool = True,
    metrics: list[str] | None = None,
    dropout: tuple[float, Any] | None = None,
    diagnostics: tuple[str, ...] = (),
) -> Iterator[float]:
    """Seconds of one epoch of random images after the other, with its figures: those of `metrics`.

    None: the ones that a run has by default. The first compiles.
    """
    from mtrain.engine.feed import Feed
    from mtrain.engine.trainer import Trainer
    from mtrain.metrics.epoch import epoch_figures
    from mtrain.model.counters import build_counters
    from mtrain.model.optimizer import build_optimizer
    from mtrain.records.training import EpochRecord

    settings: dict[str, Any] = {"optimizer": workload.optimizer}
    config = load_config(settings if metrics is None else settings | {"metrics": metrics}, {})
    trainer = Trainer(
        network_of(workload, classes, dropout),
        build_optimizer(config.optimizer),
        Feed(random_images(ROWS, classes)),
        None,
        epochs=count,
        batch_size=workload.batch_size,
        jit_compile=jit_compile,
        counters=build_counters(config.metrics),
        diagnostics=diagnostics,
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
    from mtrain.records.dataset import Split

    generator = np.random.default_rng(0)
    features = generator.integers(0, 256, (rows, PIXELS), np.uint8)
    labels = generator.integers(0, classes, rows, np.int32)
    return Split(features, labels, np.arange(rows))


def in_turn(contestants: list[Iterator[float]], rounds: int) -> tuple[list[float], Any]:
    """Seconds of the first epoch of each, which compiles, and of `rounds` more.

    These of shape (`rounds`, contestants). Who goes first takes turns, too.
    """
    first = [next(contestant) for contestant in contestants]
    order = list(range(len(contestants)))
    times = np.empty((rounds, len(contestants)))
    for number in range(rounds):
        for k in order if number % 2 else reversed(order):
            times[number, k] = next(contestants[k])
    return first, times
