"""What `mtrain check --json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mtrain.records.rivals import RivalTrial
from mtrain.records.suspects import SuspectTrial


@dataclass(frozen=True)
class Warned:
    """A warning."""

    kind: str
    """The name by which `--allow` knows it."""

    text: str


@dataclass(frozen=True)
class Checked:
    """A data set as a training would use it."""

    source: str
    classes: tuple[str, ...]
    rows: Mapping[str, tuple[int, ...]]
    """Rows of each class, by split."""

    inputs: int
    """Of the model."""

    missing: Mapping[str, int]
    """Rows without a value, by column of a table that has such."""

    n_bytes: int
    """Bytes of the encoded rows."""

    facts: tuple[str, ...]
    """How it was read, where nothing is wrong."""

    warnings: tuple[Warned, ...]
    """All of them, also those that `--strict` makes errors."""

    suspects: SuspectTrial | None
    """With `--suspects`, unless a warning is an error."""

    rivals: RivalTrial | None
    """With `--rivals`, unless a warning is an error."""
