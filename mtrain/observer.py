"""The events of a training, and its observers."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.metrics.history import History
    from mtrain.records.arrays import Arrays
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberResult, SweepResult
    from mtrain.records.training import Progress


@dataclass(frozen=True, eq=False)
class TrainingFacts:
    """The facts of a training that is about to start."""

    run: Path
    """The run directory."""

    device: str
    """The device, the reason for it, and the compilation."""

    config: Config
    classes: tuple[str, ...]
    rows: Mapping[str, int]
    """Number of rows by split, `train`, `val` and `test`."""

    shape: tuple[int, ...]
    """Shape of a row as read, if it is an array; empty: a row of a table."""

    n_features: int
    """Inputs of the network."""

    parameters: int
    """Number of parameters of the network."""

    history: History
    """The history; of a resumed run it has earlier epochs. It grows from now on."""

    graph: Callable[[], bytes]
    """Returns the serialised GraphDef of the network that predicts."""

    weights: Callable[[], Arrays]
    """Returns copies of the network's current variables, as `model/<layer>/<variable>`."""


class Observer:
    """Follows a training and changes nothing; its methods do nothing."""

    def note(self, text: str) -> None:
        """A note on the training."""

    def stage(self, task: str) -> None:
        """A task begins that takes a second or more, as `reading the data`; empty: it is over."""

    def begin(self, facts: TrainingFacts) -> None:
        """Training is about to start."""

    def progress(self, progress: Progress) -> None:
        """A chunk of steps is done."""

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """An epoch is done, after so many seconds."""

    def saved(self, checkpoint: str) -> None:
        """The checkpoint of this name is on the disk."""

    def trained(self, why: str | None) -> None:
        """Training is over; `why` says why it ended before its last epoch, None: it did not."""

    def evaluated(self, report: Report) -> None:
        """The run was evaluated."""

    def end(self, outcome: str) -> None:
        """The last event.

        `outcome` is `finished`, `stopped by SIGINT` or another signal, `diverged` or `failed`.
        """


class SweepObserver:
    """Follows a sweep and changes nothing; its methods do nothing, and are called one at a time."""

    def note(self, text: str, member: str | None = None) -> None:
        """A note on the sweep, or on a member."""

    def stage(self, task: str) -> None:
        """As for an `Observer`."""

    def begin(self, sweep: SweepResult, epochs: Mapping[str, int]) -> None:
        """Training is about to start; what has been done, and the epochs of each member to come."""

    def began(self, member: str) -> None:
        """The member of this name begins, or is resumed."""

    def epoch(self, member: str, epoch: int, value: float | None) -> None:
        """An epoch of a member is done; the figure by which members are ranked, None: undefined."""

    def ended(self, result: MemberResult) -> None:
        """A member has ended, or was stopped."""

    def end(self) -> None:
        """The last event."""


class Sent(SweepObserver):
    """Sends each event, the name of the method and its arguments, to where somebody waits for it."""

    def __init__(self, send: Callable[[tuple[str, tuple[Any, ...]]], object]) -> None:
        self._send = send

    def note(self, text: str, member: str | None = None) -> None:
        """Send it."""
        self._send(("note", (text, member)))

    def stage(self, task: str) -> None:
        """Send it."""
        self._send(("stage", (task,)))

    def begin(self, sweep: SweepResult, epochs: Mapping[str, int]) -> None:
        """Send it."""
        self._send(("begin", (sweep, epochs)))

    def began(self, member: str) -> None:
        """Send it."""
        self._send(("began", (member,)))

    def epoch(self, member: str, epoch: int, value: float | None) -> None:
        """Send it."""
        self._send(("epoch", (member, epoch, value)))

    def ended(self, result: MemberResult) -> None:
        """Send it."""
        self._send(("ended", (result,)))

    def end(self) -> None:
        """Send it."""
        self._send(("end", ()))


class OneAtATime(Sent):
    """Passes on the events of several threads, one at a time."""

    def __init__(self, observer: SweepObserver) -> None:
        self._observer = observer
        self._lock = threading.RLock()
        self._noted: set[str] = set()
        super().__init__(self._tell)

    def note(self, text: str, member: str | None = None) -> None:
        """Pass it on; what several members note, for the first of them."""
        with self._lock:
            if member is None or text not in self._noted:
                self._noted.add(text)
                super().note(text, member)

    def _tell(self, event: tuple[str, tuple[Any, ...]]) -> None:
        name, arguments = event
        with self._lock:
            getattr(self._observer, name)(*arguments)


class Observers(Observer):
    """Calls several observers; one that fails is called no more, and the others get a note.

    Without others, a line on stderr says so.
    """

    def __init__(self, *observers: Observer, failed: set[type[Observer]] | None = None) -> None:
        """`failed` are kinds of observers that are not added; that of one that fails becomes one."""
        self._observers = list(observers)
        self._failed = set() if failed is None else failed
        self.has_begun = False
        """Whether training has begun."""

    def add(self, *observers: Observer) -> None:
        """Call these observers, too, from now on."""
        self._observers += [one for one in observers if type(one) not in self._failed]

    def note(self, text: str) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.note(text))

    def stage(self, task: str) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.stage(task))

    def begin(self, facts: TrainingFacts) -> None:
        """Call each observer."""
        self.has_begun = True
        self._tell(lambda observer: observer.begin(facts))

    def progress(self, progress: Progress) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.progress(progress))

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.epoch(figures, seconds))

    def saved(self, checkpoint: str) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.saved(checkpoint))

    def trained(self, why: str | None) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.trained(why))

    def evaluated(self, report: Report) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.evaluated(report))

    def end(self, outcome: str) -> None:
        """Call each observer."""
        self._tell(lambda observer: observer.end(outcome))

    def _tell(self, tell: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            if observer not in self._observers:
                continue  # it failed at the note about another's failure
            try:
                tell(observer)
            except Exception as error:  # noqa: BLE001 -- whatever it is, training continues
                self._observers.remove(observer)
                self._failed.add(type(observer))
                problem = f"{type(observer).__name__} has failed and is not called again: {error}"
                self.note(problem)
                if not self._observers and sys.stderr is not None:
                    with suppress(OSError, ValueError):  # no reader is left
                        sys.stderr.write(f"{inert(problem)}\n")
