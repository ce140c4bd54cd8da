"""Who is told of a training as it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtrain.config.schema import Config
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.records import Dataset, Progress


class Observer:
    """Watches a training, and changes nothing; this one looks away."""

    def note(self, text: str) -> None:
        """Something that is worth a line of its own happened before training started."""

    def stage(self, what: str) -> None:
        """Something begins that takes a second or more: `reading the data`; empty: it is over."""

    def begin(self, device: str, config: Config, dataset: Dataset, parameters: int) -> None:
        """Training of a model of so many parameters is about to start on `device`."""

    def progress(self, progress: Progress) -> None:
        """A chunk of steps is done."""

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """An epoch is done, after so many seconds."""

    def end(self, why: str | None) -> None:
        """It is over; `why` is None after the last epoch, and where it never began."""
