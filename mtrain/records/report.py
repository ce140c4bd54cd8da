"""What has come of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class RunOutcome:
    """What has come of a run so far."""

    name: str
    """Its path below the folder that was listed."""

    started: str
    """ISO 8601, UTC."""

    dataset: str
    """The name of the data set, or of the file or folder of the user's own."""

    network: str
    """Its hidden layers, or the function that makes it."""

    epochs: int
    epochs_wanted: int
    best: tuple[str, float] | None
    """The figure by which the best epoch is chosen, and its value there; None without any."""

    higher_is_better: bool
    """Whether a higher value of that figure is better."""

    worst_class: tuple[str, float, str] | None
    """The class of the lowest F1 in the best epoch, its F1, and of which split, `val` or `train`;
    None before the first epoch."""

    state: str
    """`finished`, `finished, not reported`, `stopped by SIGINT`, `diverged`, `failed`, `running` or
    `killed`."""

    settings: Mapping[str, Any]
    """All of its config by dotted key."""
