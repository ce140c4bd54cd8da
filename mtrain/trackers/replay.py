"""What a tracker lacks of a run, given to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mtrain.trackers.tracked import epochs_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.trackers.tracked import TrackedEpoch, TrackedRun


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

    def close(self, state: str) -> None:
        """The last call: the run is `finished`, `running`, `killed`, ..."""


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
    new = list(epochs_after(run.history, kept.last_epoch))
    kept.log(new)
    is_new = run.is_over and kept.finish(run)
    kept.close(run.state)
    return Replay(kept.where, len(new), is_new, kept.digest)
