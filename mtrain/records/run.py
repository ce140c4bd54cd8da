"""A run's environment, the processes that trained it, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Segment:
    """One process's share of a training."""

    epochs: tuple[int, int]
    """The first and the last; the last is the one before the first until an epoch is done."""

    started: str = ""
    """ISO 8601, UTC."""

    resumed_from: str | None = None
    """The checkpoint."""

    host: str = ""
    ended: str | None = None
    """`finished`, `diverged`, `failed` or the name of a signal; None during training, and after a
    kill."""

    differences: Mapping[str, tuple[Any, Any]] | None = None
    """Old and new values, by dotted key, if a resumed run was allowed to differ."""


@dataclass(frozen=True)
class Environment:
    """A run's environment: enough to explain why another run differs."""

    command: tuple[str, ...]
    versions: Mapping[str, str | None]
    """Versions of Python and of packages; None if one is installed by another name."""

    platform: str
    machine: str
    processor: str
    """Its model, and its vector instructions."""

    flags: Mapping[str, str | None]
    """Environment variables that change what TensorFlow computes; None: not set."""

    git_commit: str | None
    """The commit of the current directory."""

    seed: int
    data: Mapping[str, str]
    """`sha256`, `source`, and the SHA-256 of each split that the data bring."""

    splits: Mapping[str, str]
    """By split, the SHA-256 of its rows' positions."""

    device_kind: str = ""
    """`cpu` or `gpu`; empty, or 0, as what follows, until TensorFlow is loaded."""

    device: str = ""
    device_reason: str = ""
    """Why that device."""

    threads: int = 0
    """Threads of one operation on the CPU."""

    compile: str = ""
    """`graph` or `xla`."""

    code: Mapping[str, str] | None = None
    """The SHA-256 of each file of custom code; None without custom code."""


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run so far."""

    name: str
    """Its path below the folder that was listed."""

    started: str
    """ISO 8601, UTC."""

    dataset: str
    """The name of the data set, or of the user's file or folder."""

    network: str
    """Its hidden layers, or the function that builds it."""

    epochs: int
    epochs_wanted: int
    best: tuple[str, float] | None
    """The figure that chooses the best epoch, and its best value; None without one."""

    higher_is_better: bool
    """Whether a higher value of that figure is better."""

    worst_class: tuple[str, float, str] | None
    """The class of the lowest F1 in the best epoch, its F1, and of which split, `val` or `train`;
    None before the first epoch."""

    state: str
    """`finished`, `finished, not reported`, `stopped by SIGINT`, `diverged`, `failed`, `running` or
    `killed`."""

    settings: Mapping[str, Any]
    """All settings by dotted key."""
