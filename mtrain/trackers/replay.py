"""What a tracker lacks of a run, given to it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from mtrain.config.experiment.addresses import without_password
from mtrain.errors import MtrainError
from mtrain.records.tracking import Logged
from mtrain.trackers.tracked import tracked_epochs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

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
        """Of what it is given, for `TrackedRun.logged`; None: the tracker itself can be asked."""

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
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        # A server that cannot be reached: the last of several causes says why.
        reason = text.rpartition("(Caused by ")[2]
        problem = without_password(f"{tracker} refuses, or does not answer: {reason:.300}")
        raise MtrainError(problem, where=without_password(where)) from error
