"""Who is told of a training as it happens."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Callable

    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.metrics.history import History
    from mtrain.records.dataset import Dataset
    from mtrain.records.training import Progress


class Observer:
    """Watches a training, and changes nothing; this one looks away."""

    def note(self, text: str) -> None:
        """Something that is worth a line of its own happened before training started."""

    def stage(self, what: str) -> None:
        """Something begins that takes a second or more: `reading the data`; empty: it is over."""

    def resume(self, history: History) -> None:
        """The training that is about to begin continues after the epochs of `history`."""

    def begin(self, device: str, config: Config, dataset: Dataset, parameters: int) -> None:
        """Training of a model of so many parameters is about to start on `device`."""

    def progress(self, progress: Progress) -> None:
        """A chunk of steps is done."""

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """An epoch is done, after so many seconds."""

    def end(self, why: str | None) -> None:
        """It is over; `why` is None after the last epoch, and where it never began."""


class Observers(Observer):
    """Tells several observers; one that fails is told nothing more, and the others are told that.

    Where there are no others, a line on stderr says so.
    """

    def __init__(self, *observers: Observer) -> None:
        self._observers = list(observers)
        self._is_ended = False

    def add(self, *observers: Observer) -> None:
        """Tell these, too, from now on."""
        self._observers += observers

    def note(self, text: str) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.note(text))

    def stage(self, what: str) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.stage(what))

    def resume(self, history: History) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.resume(history))

    def begin(self, device: str, config: Config, dataset: Dataset, parameters: int) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.begin(device, config, dataset, parameters))

    def progress(self, progress: Progress) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.progress(progress))

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.epoch(figures, seconds))

    def end(self, why: str | None) -> None:
        """As each observer's own; once."""
        if not self._is_ended:
            self._is_ended = True
            self._tell(lambda observer: observer.end(why))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            if observer not in self._observers:
                continue  # it failed as it was told that another has
            try:
                tell(observer)
            except Exception as error:  # noqa: BLE001 -- whatever it is, training continues
                self._observers.remove(observer)
                problem = f"{type(observer).__name__} has failed and is not called again: {error}"
                self.note(problem)
                if not self._observers and sys.stderr is not None:
                    with suppress(OSError, ValueError):  # nobody is left to be told
                        sys.stderr.write(f"{inert(problem)}\n")
