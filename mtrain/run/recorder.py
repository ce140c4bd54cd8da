"""Writes the records of a training: the history, the best checkpoint and the newest."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.metrics.monitor import Improvement
from mtrain.run.checkpoint import Checkpoint, save_checkpoint
from mtrain.run.find_checkpoint import point_to, remove_all_but
from mtrain.run.history import HistoryFile, write_by_class, write_scalars

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.metrics.epoch import EpochFigures
    from mtrain.records.training import TrainingState
    from mtrain.run.directory import RunDirectory

HISTORY_SECONDS = 1.0


class Recorder:
    """Takes each epoch's figures and the states of training; writes them regularly, and at the end.

    Of two states the older is written first, and nothing is removed before its replacement is on
    the disk: a kill at any moment leaves a checkpoint to resume from.
    """

    def __init__(
        self,
        run: RunDirectory,
        start: Checkpoint,
        state: TrainingState,
        *,
        is_written: bool,
    ) -> None:
        """Continues from `start` with the arrays of `state`, which are on the disk or not."""
        self.history = start.history
        self._run = run
        self._file = HistoryFile(self.history, run.history)
        self._template = start
        self._last = state
        self._best: TrainingState | None = None
        self._best_name = start.best
        self._monitor = start.config.save_best
        mode = start.config.save_best_mode
        self._improvement = None if self._monitor is None else Improvement(self._monitor, mode=mode)
        if self._monitor is not None and self._improvement is not None and start.best is not None:
            best_epoch = int(start.best.removeprefix("epoch-"))
            self._improvement.add(self.history.monitored(self._monitor, best_epoch - 1))
        self._newest = [(start.name, start.best)] if is_written else []
        self._epoch_began = time.monotonic() - start.seconds
        self._history_written = self._checkpoint_written = time.monotonic()

    def begin(self) -> None:
        """Write the history so far, marked as a training under way."""
        self._write_history(flush=False)

    def progress(self, take_state: Callable[[], TrainingState]) -> str | None:
        """Save the state within an epoch if it is time; returns the name of the checkpoint."""
        if not self._is_due():
            return None
        self._last = take_state()
        return self._write_checkpoints()

    def append(self, figures: EpochFigures) -> float:
        """Add an epoch to the history; returns the seconds that it took."""
        now = time.monotonic()
        seconds, self._epoch_began = now - self._epoch_began, now
        self.history.append(figures, seconds)
        return seconds

    def epoch(self, state: TrainingState) -> str | None:
        """Take the state after the epoch that was appended last; returns as `progress` does."""
        self._last = state
        if self._improves():
            self._best = state
        saved = self._write_checkpoints() if self._is_due() else None
        if time.monotonic() - self._history_written >= HISTORY_SECONDS:
            # Every checkpoint has the history, too: this file is for people.
            self._write_history(flush=False)
        return saved

    def finish(self, state: TrainingState | None = None) -> str:
        """Write everything; returns the name of the last checkpoint.

        `state` is the last state, unless that is the end of the last epoch.
        """
        self._last = state or self._last
        saved = self._write_checkpoints(flush=True)
        write_by_class(self.history, self._run.path / "by_class.csv")
        self._write_history(flush=False)
        return saved

    def end(self, how: str) -> None:
        """Write into the history how this segment of the training ended."""
        self.history.segments[-1] = replace(self.history.segments[-1], ended=how)
        self._write_history()

    def _improves(self) -> bool:
        if self._monitor is None or self._improvement is None:
            return False
        return self._improvement.add(self.history.monitored(self._monitor, -1))

    def _is_due(self) -> bool:
        since = time.monotonic() - self._checkpoint_written
        return since >= self._template.config.checkpoint.every_seconds

    def _write_checkpoints(self, *, flush: bool = False) -> str:
        """`flush` the table of scalars, too, which each checkpoint has as well."""
        if self._best is not None:
            self._best_name = self._save(self._best, is_best=True)
            self._best = None
        last = self._save(self._last)
        point_to(self._run, self._best_name, last)
        if last not in (name for name, _ in self._newest):
            keep = self._template.config.checkpoint.keep
            self._newest = [*self._newest, (last, self._best_name)][-keep:]
            # The best of each, too: a resumed run from an older checkpoint needs it.
            remove_all_but(self._run, {name for names in self._newest for name in names if name})
        write_scalars(self.history, self._run.path / "history.csv", flush=flush)
        self._checkpoint_written = time.monotonic()
        return last

    def _save(self, state: TrainingState, *, is_best: bool = False) -> str:
        history = self.history.until(state.cursor.epoch)
        within = time.monotonic() - self._epoch_began if state.cursor.step else 0.0
        checkpoint = replace(
            self._template,
            cursor=state.cursor,
            seconds=within,
            history=history,
            best=self._best_name,
        )
        if is_best:
            checkpoint = replace(checkpoint, best=checkpoint.name)
        names = {name for name, _ in self._newest} | {self._best_name}
        if checkpoint.name not in names:
            save_checkpoint(self._run, checkpoint, state.arrays)
        return checkpoint.name

    def _write_history(self, *, flush: bool = True) -> None:
        self._file.write(flush=flush)
        self._history_written = time.monotonic()
