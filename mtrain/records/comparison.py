"""Two evaluations of the same rows, compared; None is an undefined number."""

from __future__ import annotations

from dataclasses import dataclass

from mtrain.records.figure_comparison import FigureComparison
from mtrain.records.report import Named


@dataclass(frozen=True)
class ClassComparison(Named):
    """A class of two runs."""

    support: int
    """Rows of this class."""

    recall: FigureComparison
    precision: FigureComparison
    f1: FigureComparison


@dataclass(frozen=True)
class AverageComparison:
    """The figures of all classes."""

    accuracy: FigureComparison
    recall_macro: FigureComparison
    precision_macro: FigureComparison
    f1_macro: FigureComparison


@dataclass(frozen=True)
class Right:
    """Rows by which of two runs predicts them rightly."""

    both: int
    first: int
    """Only the first."""

    second: int
    """Only the second."""

    neither: int


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same rows."""

    runs: tuple[str, str]
    split: str
    """`test` or `val`."""

    n: int
    """Rows."""

    same: int
    """Rows with the same prediction."""

    right: Right
    margin: float | None
    """How far below the first the second may be and still be *no worse*."""

    selected: tuple[bool, bool]
    """Whether the checkpoint or the threshold of each was chosen on these rows."""

    classes: tuple[ClassComparison, ...]
    averages: AverageComparison
    groups: int | None = None
    """Groups of rows that belong together, which are compared; None: rows have none."""

    def __repr__(self) -> str:
        return f"<mtrain.Comparison: {self.sentence}>"

    @property
    def sentence(self) -> str:
        """How often the two agree, and which is right where they do not."""
        first, second = self.runs
        if self.same == self.n:
            return f"The same prediction on all {self.n:,} rows of {first} and {second}"
        of = "" if self.groups is None else f" of {self.groups:,} group{'s' * (self.groups > 1)}"
        return (
            f"The same prediction on {self.same:,} of {self.n:,} rows{of}; of the other "
            f"{self.n - self.same:,}, {first} is right on {self.right.first:,}, {second} on "
            f"{self.right.second:,}"
        )
