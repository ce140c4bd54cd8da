"""A training under way: what trains, what keeps it, and what each record means for the rest of it."""

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
    """One run that trains. Several at once are several of these, each taking its own records."""

    config: Config
    run: RunDirectory
    trainer: Trainer
    recorder: Recorder
    control: TrainingControl
    code: ImportedCode
    """The custom code, imported."""

    environment: Environment
    differences: Differences
    """What has changed since the checkpoint that it resumes from was saved."""

    @property
    def device(self) -> str:
        """What it runs on, why, and how it is compiled."""
        facts = self.environment
        return f"{facts.device} ({facts.device_reason}), compiled as {facts.compile}"

    @property
    def early_stop(self) -> str | None:
        """Why training stops here, before its last epoch; None if it does not."""
        return None if self.trainer.is_within_epoch else self.control.early_stop

    def take(self, record: Progress | EpochRecord, observer: Observer) -> None:
        """Keep what the trainer yielded, let it steer what follows, and tell the observer."""
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
