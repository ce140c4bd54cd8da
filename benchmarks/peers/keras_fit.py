"""Stock `keras.Model.fit`, as in Keras' own tutorials."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import keras

from benchmarks.peers import Training
from benchmarks.workloads import CLASSES, PIXELS, Workload

if TYPE_CHECKING:
    from benchmarks.images import Array, Images


def accuracy(workload: Workload, train: Images, seed: int) -> Training:
    """Accuracy alone."""
    return _training(workload, train, seed, [])


def per_class(workload: Workload, train: Images, seed: int) -> Training:
    """Precision and recall of every class besides, by Keras' metrics: twenty of them."""
    kinds = (keras.metrics.Precision, keras.metrics.Recall)
    metrics = [kind(class_id=k) for kind in kinds for k in range(CLASSES)]
    return _training(workload, train, seed, metrics)


def one_execution(workload: Workload, train: Images, seed: int) -> Training:
    """Accuracy alone, and `steps_per_execution` as many as an epoch has."""
    return _training(workload, train, seed, [], steps_per_execution=_steps(workload, train))


def one_execution_xla(workload: Workload, train: Images, seed: int) -> Training:
    """The same, compiled by XLA, which Keras by itself does not on a CPU."""
    steps = _steps(workload, train)
    return _training(workload, train, seed, [], steps_per_execution=steps, jit_compile=True)


def _steps(workload: Workload, train: Images) -> int:
    """In an epoch."""
    return -(-len(train.labels) // workload.batch_size)


def _training(
    workload: Workload, train: Images, seed: int, metrics: list[Any], **options: Any
) -> Training:
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((PIXELS,))])
    for units in workload.hidden:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(CLASSES, activation="softmax"))
    # Precision and Recall want one-hot labels; the sparse loss is as stock for the others.
    sparse = not metrics
    model.compile(
        optimizer=workload.optimizer,
        loss="sparse_categorical_crossentropy" if sparse else "categorical_crossentropy",
        metrics=["accuracy", *metrics],
        **options,
    )
    labels = train.labels if sparse else keras.utils.to_categorical(train.labels, CLASSES)

    def fit(epochs: int) -> list[float]:
        # One call for all: each would build its input pipeline anew.
        ends = [time.perf_counter()]
        stamp = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda *_: ends.append(time.perf_counter())
        )
        model.fit(
            train.pixels,
            labels,
            batch_size=workload.batch_size,
            epochs=epochs,
            verbose=0,
            callbacks=[stamp],
        )
        return [end - start for start, end in pairwise(ends)]

    def predicted(pixels: Array) -> Array:
        classes: Array = model.predict(pixels, batch_size=1000, verbose=0).argmax(axis=1)
        return classes

    return Training(fit, predicted)
