"""A training under way: its trainer, its recorder, and the effects of each record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtrain.metrics.epoch import epoch_figures
from mtrain.records.training import EpochRecord, Progress

if TYPE_CHECKING:
    from mtrain.config.experiment.schema import Config
    from mtrain.engine.trainer import Trainer
    from mtrain.model.custom.code import ImportedCode
    from mtrain.observer import Observer
    from mtrain.records.run import Environment
    from mtrain.run.directory import RunDirectory
    from mtrain.run.recorder import Recorder
    from mtrain.training.control import TrainingControl
    from mtrain.training.resume import Differences


@dataclass(frozen=True, eq=False)
class Training:
    """A run in training. Several runs at once are several of these, each with its records."""

    config: Config
    run: RunDirectory
    trainer: Trainer
    recorder: Recorder
    control: TrainingControl
    code: ImportedCode
    """The custom code, imported."""

    environment: Environment
    differences: Differences
    """What has changed since its checkpoint was saved."""

    @property
    def device(self) -> str:
        """The device, the reason for it, and the compilation."""
        facts = self.environment
        return f"{facts.device} ({facts.device_reason}), compiled as {facts.compile}"

    @property
    def early_stop(self) -> str | None:
        """Why training stops now, before its last epoch; None if it does not."""
        return None if self.trainer.is_within_epoch else self.control.early_stop

    @property
    def has_more(self) -> bool:
        """Whether there is more to train."""
        return not self.trainer.finished and self.early_stop is None

    def has_reached(self, epoch: int | None) -> bool:
        """Whether this epoch is done; None: no epoch."""
        return epoch is not None and len(self.recorder.history.epoch) >= epoch

    def take(self, record: Progress | EpochRecord, observer: Observer) -> None:
        """Keep a record of the trainer, steer the training by it, and pass it to the observer."""
        if isinstance(record, Progress):
            observer.progress(record)
            saved = self.recorder.progress(self.trainer.state)
        else:
            figures = epoch_figures(record, self.config.metrics, self.config.evaluation)
            seconds = self.recorder.append(figures)
            if (plateau := self.control.add()) is not None:
                self.trainer.learning_rate = plateau.reduced(self.trainer.learning_rate)
            saved = self.recorder.epoch(self.trainer.state())
            observer.epoch(figures, seconds)
        if saved is not None:
            observer.saved(saved)
