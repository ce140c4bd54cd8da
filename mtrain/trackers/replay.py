"""What a tracker lacks of a run, given to it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from mtrain.config.experiment.addresses import without_password
from mtrain.errors import MtrainError
from mtrain.records.tracking import Logged
from mtrain.trackers.tracked import tracked_epochs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from mtrain.trackers.tracked import TrackedEpoch, TrackedRun


FIGURES_AT_ONCE = 10_000


class Kept(Protocol):
    """A run that a tracker keeps, found or made.

    Its methods raise `MtrainError` for a tracker that does not take what it is given.
    """

    @property
    def where(self) -> str:
        """Where a person looks at it."""

    @property
    def digest(self) -> str | None:
        """Of what it is given, for `TrackedRun.logged`; None: nothing, or the tracker itself can be asked."""

    @property
    def file(self) -> Path | None:
        """Where that is written; None: elsewhere."""

    def lacks(self, epoch: TrackedEpoch) -> bool:
        """Whether the tracker does not have this epoch, whole and with these figures."""

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs that it lacks, in their order; one at least."""

    def finish(self, run: TrackedRun) -> bool:
        """Add the outcome of a run that is over, and its files; whether any of that is new."""

    def say_state(self, state: str, ended: datetime) -> None:
        """The run is `finished`, `running`, `killed`, ...; after the last call it is kept.

        `ended` is when its last epoch was done.
        """


def replay(run: TrackedRun, kept: Kept) -> Logged:
    """Give a tracker what it lacks; a second replay adds nothing."""
    n = log_lacking(kept, tracked_epochs(run.history))
    is_new = run.is_over and kept.finish(run)
    kept.say_state(run.state, run.ended)
    return Logged(str(run.path), run.state, kept.where, n, is_new)


def log_lacking(kept: Kept, epochs: Iterable[TrackedEpoch]) -> int:
    """Log those of the epochs that the tracker lacks; how many.

    Some thousand figures at once, so that few are in memory.
    """
    piece: list[TrackedEpoch] = []
    n = figures = 0
    for epoch in filter(kept.lacks, epochs):
        piece.append(epoch)
        n += 1
        figures += len(epoch.figures)
        if figures >= FIGURES_AT_ONCE:
            kept.log(piece)
            piece, figures = [], 0
    if piece:
        kept.log(piece)
    return n


@contextmanager
def attributing_errors(tracker: str, where: str = "") -> Iterator[None]:
    """Turn whatever the tracker's own package raises into a `MtrainError` of one line.

    `where` is shown without a password, as is an address in the text.
    """
    try:
        yield
    except MtrainError:
        raise
    except Exception as error:
        reason = f"{tracker} refuses, or does not answer: {_reason(error):.300}"
        raise MtrainError(without_password(reason), where=without_password(where)) from error


def _reason(error: BaseException) -> str:
    """What a person reads of an error: `Connection refused`, `timed out`, or its first line."""
    causes = list(_causes(error))
    # Of a server that cannot be reached, or a disk, the first cause says why; those after it have names
    # of Python's.
    first = causes[-1] if any(isinstance(one, OSError) for one in causes) else error
    text = first.strerror if isinstance(first, OSError) else None
    line = (text or str(first)).strip().partition("\n")[0] or type(first).__name__
    return _CLASS.sub("", line)


_CLASS = re.compile(r"^\([\w.]+\) ")
"""As SQLAlchemy's errors begin: `(sqlite3.OperationalError) database is locked`."""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """It, and what it came from, the first cause last."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        # The attribute of urllib3's, and the arguments of http.client's.
        inner = (getattr(error, "reason", None), *reversed(error.args))
        causes = (*inner, error.__cause__, error.__context__)
        error = next((one for one in causes if isinstance(one, BaseException)), None)
