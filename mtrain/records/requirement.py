"""What a class must be shown to reach: apart from the records that need NumPy, as every config has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """What a class must be shown to reach to be called learned; each in [0, 1)."""

    recall: float = 0.5
    precision: float = 0.5
