"""Seconds an epoch: stock `keras.Model.fit` beside mtrain's engine, one after the other.

Keras computes accuracy alone; mtrain the exact confusion matrix of every class. Both train the
same model with the same optimizer on the same 60,000 random images of 784 pixels; Keras is given
float32 pixels, divided beforehand. Run with nothing else running:

    python benchmarks/epoch_time.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.load import load_config
from mtrain.engine.backend import load_tensorflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.config.schema import Config
    from mtrain.records import Split

ROWS, FEATURES, CLASSES = 60_000, 784, 10

WORKLOADS: list[tuple[Any, str, int]] = [
    # hidden, optimizer, batch size
    (64, "sgd", 32),
    (30, "adam", 32),
    (30, "adam", 1200),
    ("500x2", "adam", 32),
    ("500x2", "adam", 1200),
    ("500x2", "adam", 4096),
]


def main() -> None:
    """Print a row a workload: the median of each, and of the ratio round by round."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    load_tensorflow()
    split = random_images()
    print("| hidden | optimizer | batch | `keras fit` | mtrain graph | mtrain xla | keras / xla |")
    print("|---|---|---|---|---|---|---|")
    for hidden, optimizer, batch_size in WORKLOADS:
        config = load_config(
            {
                "model": {"hidden": hidden},
                "optimizer": optimizer,
                "training": {"batch_size": batch_size, "epochs": rounds + 1},
            },
            {},
        )
        contestants = [
            keras_epochs(config, split),
            mtrain_epochs(config, split, jit_compile=False),
            mtrain_epochs(config, split, jit_compile=True),
        ]
        for epochs in contestants:
            next(epochs)  # compiles
        times = [[next(epochs) for epochs in contestants] for _ in range(rounds)]
        seconds = [statistics.median(column) for column in zip(*times, strict=True)]
        ratio = statistics.median(keras / xla for keras, _, xla in times)
        cells = [hidden, optimizer, batch_size, *(f"{s:.3f} s" for s in seconds), f"{ratio:.1f}"]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def keras_epochs(config: Config, split: Split) -> Iterator[float]:
    """Seconds of one epoch of `fit` after the other, metrics=["accuracy"]."""
    from mtrain.model import build_loss, build_model, build_optimizer

    model = build_model(config.model, FEATURES, CLASSES, config.seed)
    loss = build_loss(config.loss, CLASSES)
    model.compile(build_optimizer(config.optimizer), loss, metrics=["accuracy"])
    features = split.features / np.float32(255)
    while True:
        started = time.perf_counter()
        model.fit(features, split.labels, batch_size=config.training.batch_size, verbose=0)
        yield time.perf_counter() - started


def mtrain_epochs(config: Config, split: Split, *, jit_compile: bool) -> Iterator[float]:
    """Seconds of one epoch after the other: every class counted, all ratios, the state copied."""
    from mtrain.engine.network import make_network
    from mtrain.engine.training import Trainer
    from mtrain.metrics.epoch import epoch_figures
    from mtrain.model import build_loss, build_model, build_optimizer
    from mtrain.records import EpochRecord

    model = build_model(config.model, FEATURES, CLASSES, config.seed)
    trainer = Trainer(
        make_network(model, build_loss(config.loss, CLASSES), CLASSES, divisor=255.0),
        build_optimizer(config.optimizer),
        split,
        None,
        epochs=config.training.epochs,
        batch_size=config.training.batch_size,
        jit_compile=jit_compile,
    )
    records = trainer.records()
    while True:
        started = time.perf_counter()
        while not isinstance(record := next(records), EpochRecord):
            pass
        epoch_figures(record, config.metrics)
        trainer.state()
        yield time.perf_counter() - started


def random_images() -> Split:
    """As many as MNIST has, of the same size."""
    from mtrain.records import Split

    generator = np.random.default_rng(0)
    features = generator.integers(0, 256, (ROWS, FEATURES), np.uint8)
    labels = generator.integers(0, CLASSES, ROWS, np.int32)
    return Split(features, labels, np.arange(ROWS))


if __name__ == "__main__":
    main()
