"""What a tracker lacks of a run, given to it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mtrain.errors import MtrainError
from mtrain.trackers.tracked import epochs_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mtrain.trackers.tracked import TrackedEpoch, TrackedRun


FIGURES_AT_ONCE = 10_000


class Kept(Protocol):
    """A run that a tracker keeps, found or made.

    Its methods raise `MtrainError` for a tracker that does not take what it is given.
    """

    @property
    def last_epoch(self) -> int:
        """The last epoch that the tracker has; 0: none."""

    @property
    def where(self) -> str:
        """Where a person looks at it."""

    @property
    def digest(self) -> str | None:
        """Of what it is given, for `TrackedRun.logged`; None: the tracker itself can be asked."""

    def log(self, epochs: Sequence[TrackedEpoch]) -> None:
        """Add epochs after the last one."""

    def finish(self, run: TrackedRun) -> bool:
        """Add the outcome of a run that is over, and its files; whether any of that is new."""

    def say_state(self, state: str) -> None:
        """The run is `finished`, `running`, `killed`, ...; after the last call it is kept."""


@dataclass(frozen=True)
class Replay:
    """What was new to a tracker."""

    where: str
    """Where a person looks at it."""

    epochs: int
    """Epochs that it did not have."""

    outcome: bool
    """Whether it did not have the evaluation, or the files, as they are."""

    digest: str | None
    """As that of `Kept`."""


def replay(run: TrackedRun, kept: Kept) -> Replay:
    """Give a tracker what it lacks; a second replay adds nothing."""
    before = kept.last_epoch
    log_pieces(kept, epochs_after(run.history, before))
    is_new = run.is_over and kept.finish(run)
    kept.say_state(run.state)
    return Replay(kept.where, kept.last_epoch - before, is_new, kept.digest)


def log_pieces(kept: Kept, epochs: Iterable[TrackedEpoch]) -> None:
    """Log epochs, some thousand figures at once, so that few are in memory."""
    piece: list[TrackedEpoch] = []
    n = 0
    for one in epochs:
        piece.append(one)
        n += len(one.figures)
        if n >= FIGURES_AT_ONCE:
            kept.log(piece)
            piece, n = [], 0
    kept.log(piece)


@contextmanager
def attributing_errors(tracker: str, where: str = "") -> Iterator[None]:
    """Turn whatever the tracker's own package raises into a `MtrainError` of one line."""
    try:
        yield
    except MtrainError:
        raise
    except Exception as error:
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        # A server that cannot be reached: the last of several causes says why.
        reason = text.rpartition("(Caused by ")[2]
        problem = f"{tracker} refuses, or does not answer: {reason:.300}"
        raise MtrainError(problem, where=where) from error
