"""A model in a format that other programs run, and the proof that it predicts as the run does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Format = Literal["onnx", "saved_model", "keras"]

ElementType = Literal["uint8", "float32", "string"]

TIE = 1e-6
"""The distance of two probabilities up to which either class may be predicted."""


@dataclass(frozen=True)
class Tensor:
    """An input or output of N rows."""

    name: str
    type: ElementType
    shape: tuple[int, ...]
    """Of a row: (1,) of a column of a table, () of a label."""


@dataclass(frozen=True)
class Proof:
    """Predictions of a split from its raw rows, by the exported model and by the run."""

    split: str
    rows: int
    runtime: str
    """The program that ran the exported model, with its version."""

    largest_difference: float
    """Of two probabilities of the same row and class, in [0, 1]."""

    changed: int
    """Rows of another class, where the two most probable are no tie."""

    ties: int
    """Rows of another class whose two are as probable as each other, up to `TIE`."""


@dataclass(frozen=True)
class Export:
    """An exported model."""

    path: Path
    format: Format
    read_by: str
    """The version of the format, and what reads it."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    proof: Proof
