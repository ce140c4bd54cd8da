"""What was given to a tracker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Logged:
    """What was new to a tracker."""

    run: str
    """The folder of the run, or of the sweep."""

    state: str
    """`finished`, `running`, `killed`, ...: only of a finished run is the outcome logged."""

    where: str
    """Where a person looks at it."""

    epochs: int
    """Epochs that the tracker did not have."""

    outcome: bool
    """Whether it did not have the evaluation, the files or the model, as they are."""
