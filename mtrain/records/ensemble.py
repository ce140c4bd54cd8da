"""An ensemble: a model whose probabilities are the mean of those of several trained networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le, MinLen


@dataclass(frozen=True)
class EnsembleMember:
    """One of the networks, and the checkpoint that it is from."""

    name: str
    """Of its run directory."""

    seed: int
    checkpoint: str
    sha256: str
    """Of that checkpoint's arrays."""

    epoch: Annotated[int, Ge(1)]
    """Of that checkpoint."""

    epochs: Annotated[int, Ge(1)]
    """That its run has trained."""


@dataclass(frozen=True)
class Ensemble:
    """What an ensemble has in place of a training."""

    members: Annotated[tuple[EnsembleMember, ...], MinLen(2)]
    threshold: Annotated[float, Ge(0), Le(1)] | None = None
    """That was chosen on validation of the mean probabilities; None: none was, or none could be."""

    failed: str | None = None
    """Why none could be chosen."""
