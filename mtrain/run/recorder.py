"""Keeps what a training yields: the history, the best checkpoint and the last."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.metrics.monitor import best_epoch, higher_is_better
from mtrain.run.checkpoint import Checkpoint, point_to, save_checkpoint
from mtrain.run.history import history_as_json, write_history

if TYPE_CHECKING:
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.metrics.history import History
    from mtrain.records import TrainingState
    from mtrain.run.directory import RunDirectory

HISTORY_SECONDS = 1.0
CHECKPOINT_SECONDS = 30.0


class Recorder:
    """Takes each epoch's figures and state; writes them now and then, and at the end."""

    def __init__(self, run: RunDirectory, history: History, untrained: Checkpoint) -> None:
        """`untrained` has all that stays the same from one checkpoint to the next."""
        self.history = history
        self._run = run
        self._pattern = untrained
        self._monitor = untrained.config.save_best
        self._best: TrainingState | None = None
        self._last = untrained.training
        self._history_written = self._checkpoint_written = time.monotonic()

    @property
    def best_epoch(self) -> int | None:
        """The best epoch so far, counted from 1; None if no best is kept, or none was finite."""
        if self._monitor is None or not self.history.epoch:
            return None
        values = self.history.monitored(self._monitor)
        index = best_epoch(values, higher=higher_is_better(self._monitor))
        return None if index is None else self.history.epoch[index]

    def epoch(self, figures: EpochFigures, seconds: float, state: TrainingState) -> None:
        """Add an epoch, and the state at its end."""
        self.history.append(figures, seconds)
        self._last = state
        if self.best_epoch == figures.epoch:
            self._best = state
        now = time.monotonic()
        if now - self._checkpoint_written >= CHECKPOINT_SECONDS:
            self._write_checkpoints()
        if now - self._history_written >= HISTORY_SECONDS:
            self._write_history()

    def finish(self, state: TrainingState | None = None) -> None:
        """Write everything; `state` is the last if it is not that of the last epoch's end."""
        self._last = state or self._last
        self._write_checkpoints()
        self._write_history()

    def _write_checkpoints(self) -> None:
        pointers = {"last": self._save(self._last)}
        if self._best is not None:
            pointers["best"] = self._save(self._best)
        point_to(self._run, **pointers)
        self._checkpoint_written = time.monotonic()

    def _write_history(self) -> None:
        write_history(self.history, self._run.history)
        self._history_written = time.monotonic()

    def _save(self, state: TrainingState) -> str:
        epochs = state.cursor["epoch"]
        checkpoint = replace(
            self._pattern, training=state, history=history_as_json(self.history, epochs)
        )
        return save_checkpoint(self._run, checkpoint)
