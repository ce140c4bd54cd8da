"""The events of a training, and who is told of them."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.metrics.history import History
    from mtrain.records.arrays import Arrays
    from mtrain.records.report import Report
    from mtrain.records.training import Progress


@dataclass(frozen=True, eq=False)
class TrainingFacts:
    """What is about to be trained."""

    run: Path
    """The run directory."""

    device: str
    """What it runs on, why, and how it is compiled."""

    config: Config
    classes: tuple[str, ...]
    rows: Mapping[str, int]
    """By split, `train`, `val` and `test`."""

    shape: tuple[int, ...]
    """Of a row as it was read, where it is an array; empty: it is of a table."""

    n_features: int
    """Inputs of the network."""

    parameters: int
    """Of the network."""

    history: History
    """Of the epochs that were trained before, where a run is resumed; it grows from now on."""

    graph: Callable[[], bytes]
    """Gives the serialised GraphDef of the network that predicts."""

    weights: Callable[[], Arrays]
    """Gives copies of the network's variables now, as `model/<layer>/<variable>`."""


class Observer:
    """Watches a training, and changes nothing; this one looks away."""

    def note(self, text: str) -> None:
        """Something happened that is worth a line of its own."""

    def stage(self, task: str) -> None:
        """Something begins that takes a second or more: `reading the data`; empty: it is over."""

    def begin(self, facts: TrainingFacts) -> None:
        """Training is about to start."""

    def progress(self, progress: Progress) -> None:
        """A chunk of steps is done."""

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """An epoch is done, after so many seconds."""

    def saved(self, checkpoint: str) -> None:
        """The checkpoint of this name is on the disk."""

    def trained(self, why: str | None) -> None:
        """Training is over; `why` it ended before its last epoch, None: it did not."""

    def evaluated(self, report: Report) -> None:
        """The run was evaluated."""

    def end(self, outcome: str) -> None:
        """Nothing more will be told.

        `outcome` is `finished`, `stopped by SIGINT` or another signal, `diverged` or `failed`.
        """


class Observers(Observer):
    """Tells several observers; one that fails is told nothing more, and the others are told that.

    Where there are no others, a line on stderr says so.
    """

    def __init__(self, *observers: Observer) -> None:
        self._observers = list(observers)

    def add(self, *observers: Observer) -> None:
        """Tell these, too, from now on."""
        self._observers += observers

    def note(self, text: str) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.note(text))

    def stage(self, task: str) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.stage(task))

    def begin(self, facts: TrainingFacts) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.begin(facts))

    def progress(self, progress: Progress) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.progress(progress))

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.epoch(figures, seconds))

    def saved(self, checkpoint: str) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.saved(checkpoint))

    def trained(self, why: str | None) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.trained(why))

    def evaluated(self, report: Report) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.evaluated(report))

    def end(self, outcome: str) -> None:
        """As each observer's own."""
        self._tell(lambda observer: observer.end(outcome))

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
