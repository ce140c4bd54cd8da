"""Trainers of one shape, which share what is compiled."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mtrain.engine.build import make_trainer
from mtrain.metrics.epoch import counted_k

if TYPE_CHECKING:
    from collections.abc import Hashable

    from mtrain.config.experiment.schema import Config
    from mtrain.engine.feed import Feed
    from mtrain.engine.trainer import Trainer
    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.dataset import Dataset


class SharedTrainers:
    """Makes trainers in several threads; those of one shape are compiled once."""

    def __init__(self, cpus: int) -> None:
        """`cpus` are the CPUs that the validation of each may use."""
        self._cpus = cpus
        self._first: dict[Hashable, Trainer] = {}
        self._shape_of_thread: WeakKeyDictionary[threading.Thread, Hashable] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def make(
        self, config: Config, dataset: Dataset, feed: Feed, code: ImportedCode, *, jit_compile: bool
    ) -> Trainer:
        """As `make_trainer`, to the last bit."""
        arguments = config, dataset, feed, code
        trainer = make_trainer(*arguments, jit_compile=jit_compile, cpus=self._cpus)
        if config.custom_code:
            return trainer
        shape = loop_shape(config, dataset, feed, jit_compile=jit_compile)
        with self._lock:
            self._shape_of_thread[threading.current_thread()] = shape
            first = self._first.setdefault(shape, trainer)
            in_use = set(self._shape_of_thread.values())
            self._first = {one: made for one, made in self._first.items() if one in in_use}
        if first is not trainer:
            trainer.share_functions_of(first)
        return trainer


def loop_shape(config: Config, dataset: Dataset, feed: Feed, *, jit_compile: bool) -> Hashable:
    """All that the compiled loop has as constants: trainings of one shape differ in its inputs.

    Custom code has a shape of its own: it may keep a state that nobody else knows.
    """
    if config.custom_code:
        return object()
    model: dict[str, Any] = config.model.model_dump()
    for number in ("l2", "activity", "dropout"):
        model[number] = bool(model[number])
    optimizer = config.optimizer.model_dump()
    if isinstance(config.optimizer.learning_rate, float):
        optimizer["learning_rate"] = None
    training, rows = config.training, feed.rows
    return repr(
        (
            *(model, optimizer, config.loss, counted_k(config.metrics)),
            *sorted(metric.name for metric in config.metrics),
            *(config.diagnostics, training.batch_size, training.steps_per_epoch, jit_compile),
            *(len(dataset.classes), dataset.encoding.divisor is None),
            *(rows.features.shape, rows.features.dtype, rows.weights is None),
        )
    )
