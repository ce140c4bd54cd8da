"""The compiled training loop: whole chunks of steps in one call, every row counted exactly."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from mtrain.engine.diagnostics import Diagnostics
from mtrain.engine.feed import Feed, epoch_order
from mtrain.engine.loop import Loop
from mtrain.engine.network import (
    metric_variables,
    model_variables,
    optimizer_variables,
    put_arrays,
    take_arrays,
    variable_shapes,
)
from mtrain.engine.predictor import Predictor
from mtrain.engine.row_learning import RowLearning
from mtrain.engine.step import Carried, Step
from mtrain.errors import DivergedError, MtrainError
from mtrain.records.dataset import Split
from mtrain.records.training import (
    CONFUSION,
    OF_ROWS,
    ROWS,
    Cursor,
    EpochRecord,
    Predictions,
    Progress,
    Tally,
    TrainingState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import keras
    from numpy.typing import NDArray

    from mtrain.engine.network import Network, Variables
    from mtrain.records.arrays import Arrays, Floats, Ints, Shapes
    from mtrain.records.training import LearnedRows

# A chunk is as many steps as take about this long: short enough for a live table and Ctrl-C,
# long enough that the cost of a call is negligible.
CHUNK_SECONDS = (0.05, 0.25)

LARGE_INPUT = 100.0
"""Inputs beyond this are a likelier reason than the learning rate for a training to diverge."""


class Trainer:
    """Trains a network on rows that stay on the device, and yields what happened.

    Iterate `records()`; between two records `state()` is the complete state, and a new `Trainer` of
    the same arguments continues from it bit for bit after `restore`. The training rows are those of
    `feed`, `val` those of the validation. `counters` see every batch of
    the training, `of_split` each validation, by their names in the history; `diagnostics` is a
    subset of `DIAGNOSTICS` of `config/experiment/training.py`. `cpus` are the CPUs
    that a validation may use; None: all.
    """

    def __init__(
        self,
        network: Network,
        optimizer: keras.optimizers.Optimizer,
        feed: Feed,
        val: Split | None,
        *,
        epochs: int,
        batch_size: int,
        steps_per_epoch: int | None = None,
        schedule: keras.optimizers.schedules.LearningRateSchedule | None = None,
        shuffle: bool = True,
        seed: int = 0,
        jit_compile: bool = False,
        top_k: int | None = None,
        counters: Mapping[str, keras.metrics.Metric] = MappingProxyType({}),
        of_split: Mapping[str, Callable[[Predictions], float]] = MappingProxyType({}),
        diagnostics: Collection[str] = (),
        cpus: int | None = None,
    ) -> None:
        self.epochs = epochs
        self.batch_size = min(batch_size, len(feed))
        self.steps = math.ceil(len(feed) / batch_size)
        if steps_per_epoch is not None:
            self.steps = min(steps_per_epoch, self.steps)
        self.parameters = network.model.count_params()
        self._network = network
        self._optimizer = optimizer
        self._schedule = schedule
        self._feed = feed
        self._shuffle = shuffle
        self._seed = seed
        self._val = val
        self._top_k = top_k
        optimizer.build(network.model.trainable_variables)
        self._counters = counters
        self._of_split = of_split
        self._weights = model_variables(network.model) | optimizer_variables(optimizer)
        of_network = [name for name in diagnostics if name != ROWS]
        self._diagnostics = Diagnostics(network.model, of_network) if of_network else None
        self._variables = self._weights | network.loss_state
        for name, counter in self._counters.items():
            self._variables |= metric_variables(name, counter)
        if self._diagnostics is not None:
            self._variables |= self._diagnostics.variables
        self._predictor = Predictor(network, feed.dtype, cpus)
        self._learning = None
        if ROWS in diagnostics:
            self._learning = RowLearning(feed.rows.labels.numpy(), network.n_classes)
        self._one_step = Step(
            network,
            optimizer,
            top_k=top_k,
            counters=tuple(self._counters.values()),
            diagnostics=self._diagnostics,
            odds_shape=(0, 0) if self._learning is None else (self.steps, self.batch_size),
            jit_compile=jit_compile,
        )
        loop_variables = self._variables | network.numbers
        rows = len(feed)
        self._loop = Loop(
            self._one_step, loop_variables, rows, self.batch_size, jit_compile=jit_compile
        )
        self._chunk = 1
        self._epoch = 0
        self._step = 0
        self._counted = 0
        self._order = tf.range(0)
        self._carried = self._one_step.initial_sums()

    @property
    def finished(self) -> bool:
        """Whether every epoch is done."""
        return self._epoch >= self.epochs

    def records(self) -> Iterator[Progress | EpochRecord]:
        """Train from the current state: yields a `Progress` a chunk, an `EpochRecord` an epoch.

        Raises `DivergedError` once the loss or a weight is not finite.
        """
        while not self.finished:
            epoch = self._epoch + 1
            self._order = self._order_of(epoch)
            while self._step < self.steps:
                self._run_chunk()
                tally = self._tally()
                if not math.isfinite(tally.loss):
                    problem = f"the loss is {tally.loss}"
                    raise self._diverged(f"epoch {epoch}, step {self._step}", problem)
                yield Progress(epoch, self._step, self.steps, self._rows(self._step), tally)
            self._check_weights(epoch)
            scalars, per_class = self._other_figures()
            tally = replace(self._tally(), scalars=scalars, per_class=per_class)
            val = None if self._val is None else self._predictor.predict(self._val)
            if val is not None and not math.isfinite(val.loss):
                raise self._diverged(f"epoch {epoch}", f"the validation loss is {val.loss}")
            if val is not None:
                custom = {name: figure(val) for name, figure in self._of_split.items()}
                val = replace(val, custom=custom)
            record = EpochRecord(epoch, self._last_learning_rate(), tally, val)
            for counter in self._counters.values():
                counter.reset_state()
            if self._diagnostics is not None:
                self._diagnostics.reset()
            self._epoch, self._step, self._counted = epoch, 0, 0
            self._carried = self._one_step.initial_sums()
            yield record

    @property
    def all_steps(self) -> int:
        """Steps of all epochs."""
        return self.epochs * self.steps

    def first_idle_step(self) -> int | None:
        """The step, from 0, from which a schedule has learning rate 0; None: no such step."""
        schedule, last = self._schedule, self.all_steps - 1
        if schedule is None or float(schedule(last)) > 0:
            return None
        # A schedule that warms up begins at 0, too.
        return bisect_left(range(last), x=True, lo=1, key=lambda step: float(schedule(step)) == 0)

    @property
    def is_within_epoch(self) -> bool:
        """Whether an epoch is under way."""
        return self._step > 0

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next step; it can be set if no schedule sets it."""
        return float(self._optimizer.learning_rate)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._optimizer.learning_rate = rate

    def weights(self) -> Arrays:
        """Copies of the model's variables, as `model/<layer>/<variable>`."""
        return take_arrays(model_variables(self._network.model))

    def graph(self) -> bytes:
        """The serialised GraphDef of the network that predicts."""
        return self._predictor.graph()

    def shapes_at(self, cursor: Cursor) -> Shapes:
        """Types and shapes of a state's arrays at a position."""
        k = self._network.n_classes
        shapes = variable_shapes(self._variables)
        shapes[CONFUSION] = ("int32", (k, k) if cursor.step else (0,))
        if self._learning is not None:
            shapes |= self._learning.shapes(cursor.epoch + bool(cursor.step))
        return shapes

    def state(self) -> TrainingState:
        """Copies of every variable, and the position in the epoch.

        Raises `DivergedError` if a weight is not finite.
        """
        if self._step:
            self._check_weights(self._epoch + 1)
        loss, confusion, hits, _ = self._carried
        arrays = take_arrays(self._variables)
        # Between two epochs all counts are 0: with 4,000 classes, 64 MB of zeros.
        arrays[CONFUSION] = confusion.numpy() if self._step else np.zeros(0, np.int32)
        if self._learning is not None:
            self._count_rows(self._learning)
            arrays |= self._learning.state(self._epoch + bool(self._step))
        return TrainingState(arrays, Cursor(self._epoch, self._step, float(loss), int(hits)))

    def restore(self, state: TrainingState) -> None:
        """Continue from another trainer's state.

        The arrays must be of `shapes_at` its position; without those `OF_ROWS`, nothing is known of rows. Raises `MtrainError` for values that no training has.
        """
        arrays, cursor = dict(state.arrays), state.cursor
        confusion = arrays.pop(CONFUSION)
        limits = {"epoch": self.epochs, "step": self.steps, "top_k_hits": len(self._feed)}
        for name, limit in limits.items():
            if (value := getattr(cursor, name)) > limit:
                raise MtrainError(f"{name} must be a number from 0 to {limit:,}, got {value:,}")
        epoch, step = cursor.epoch, cursor.step
        if (confusion < 0).any() or confusion.sum() != self._rows(step):
            raise MtrainError(f"{CONFUSION} does not count the rows of {step:,} steps")
        if not step:
            confusion = np.zeros((self._network.n_classes,) * 2, np.int32)
        if self._learning is not None and any(name.startswith(OF_ROWS) for name in arrays):
            self._learning.restore(arrays, epoch + bool(step))
        put_arrays(self._variables, arrays)
        self._epoch, self._step, self._counted = epoch, step, step
        self._carried = Carried(
            tf.constant(cursor.loss_sum, tf.float64),
            tf.constant(confusion),
            tf.constant(cursor.top_k_hits),
            self._carried.odds,
        )

    def learned_rows(self) -> LearnedRows | None:
        """What is known of each training row; None: it was not asked for."""
        if self._learning is None:
            return None
        self._count_rows(self._learning)
        return self._learning.by_row(self._feed)

    def predict_training(self, positions: Ints) -> NDArray[np.float32]:
        """Probabilities (M, K) of the training rows at these positions, by the current weights."""
        if not len(positions):
            return np.zeros((0, self._network.n_classes), np.float32)
        batch = self._feed.rows.at(tf.constant(positions), tf.constant(0))
        rows = Split(batch.features.numpy(), batch.labels.numpy(), positions)
        return self._predictor.predict(rows).probabilities

    def share_functions_of(self, other: Trainer) -> None:
        """Run what was compiled for `other`, which is of the same shape, as `shared.py` has it."""
        self._loop.share_functions_of(other._loop)
        self._predictor.share_functions_of(other._predictor)
        self._chunk = other._chunk

    @property
    def prediction_shapes(self) -> Shapes:
        """Types and shapes of the arrays by which `predict` predicts."""
        return variable_shapes(self._predicting)

    def predict(self, arrays: Arrays, rows: Split) -> Predictions:
        """Predict every row of another split with these arrays of a state: training is over."""
        put_arrays(self._predicting, arrays)
        return self._predictor.predict(rows)

    @property
    def _predicting(self) -> Variables:
        return model_variables(self._network.model) | self._network.loss_state

    def _order_of(self, epoch: int) -> tf.Tensor:
        """Positions of the training rows in the order of an epoch."""
        rows = len(self._feed)
        return epoch_order(rows, self._seed, epoch) if self._shuffle else tf.range(rows)

    def _run_chunk(self) -> None:
        start, full = self._step, min(self._loop.full, self.steps)
        stop = self.steps if start == full else min(start + self._chunk, full)
        began = time.perf_counter()
        self._carried = self._loop.run(self._feed.rows, self._order, start, stop, self._carried)
        seconds = time.perf_counter() - began
        self._step = stop
        if stop - start < self._chunk:
            return  # the end of an epoch does not show the time of a whole chunk
        if seconds < CHUNK_SECONDS[0]:
            self._chunk *= 2
        elif seconds > CHUNK_SECONDS[1]:
            self._chunk = max(1, self._chunk // 2)

    def _count_rows(self, learning: RowLearning) -> None:
        """Take the odds of the epoch's steps that are not yet counted: of all at once in least time."""
        start, self._counted = self._counted, self._step
        if start == self._step:
            return
        positions = self._order.numpy()[self._rows(start) : self._rows(self._step)]
        odds = self._carried.odds.numpy()[start : self._step].ravel()
        learning.count(self._epoch + 1, positions, odds[: len(positions)])

    def _tally(self) -> Tally:
        loss_sum, confusion, hits, _ = self._carried
        counts: Ints = confusion.numpy().astype(np.int64)
        loss = float(loss_sum) / self._rows(self._step)
        return Tally(loss, counts, None if self._top_k is None else int(hits))

    def _other_figures(self) -> tuple[dict[str, float], dict[str, Floats]]:
        """The other figures of the finished epoch, and those of every class."""
        scalars = {name: float(counter.result()) for name, counter in self._counters.items()}
        if self._diagnostics is not None:
            scalars |= self._diagnostics.figures(self._rows(self._step), self._step)
        if self._learning is None:
            return scalars, {}
        self._count_rows(self._learning)
        of_all, by_class = self._learning.figures()
        return scalars | of_all, by_class

    def _rows(self, steps: int) -> int:
        """The number of rows in so many steps."""
        return min(steps * self.batch_size, len(self._feed))

    def _last_learning_rate(self) -> float:
        """The learning rate of the last step."""
        if self._schedule is None:
            return _shortest(self._optimizer.learning_rate)
        return _shortest(self._schedule(self._optimizer.iterations - 1))

    def _check_weights(self, epoch: int) -> None:
        for name, variable in self._weights.items():
            if not np.isfinite(variable.numpy()).all():
                raise self._diverged(f"epoch {epoch}", f"{name} is no longer finite")

    def _diverged(self, where: str, problem: str) -> DivergedError:
        largest = self._feed.largest()
        if self._network.divisor is not None:
            largest /= float(self._network.divisor.numpy())
        if largest > LARGE_INPUT:
            cause = f"the inputs, up to {largest:g}, are not scaled; set dataset.scale"
        else:
            cause = (
                f"the learning rate, {self.learning_rate:g}, is too large; a smaller one or "
                "optimizer.clipnorm may help"
            )
        return DivergedError(f"{problem}: training diverged, likely because {cause}", where=where)


def _shortest(value: Any) -> float:
    """A float32 as the float64 of the same shortest decimal: 0.001, not 0.0010000000474974513."""
    return float(str(np.float32(value)))
