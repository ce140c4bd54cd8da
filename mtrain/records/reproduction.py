"""A run trained again: what is equal to the last bit, what differs, and whether it matters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mtrain.records.arrays import Arrays
from mtrain.records.comparison import Comparison
from mtrain.records.evaluation import SavedEvaluation
from mtrain.records.figure_comparison import FigureFinding

Scalar = str | int | float | bool | None

Outcome = Literal[
    "equal", "within the spread", "no difference shown", "differs", "other data", "not judged"
]

SPLIT: Literal["test"] = "test"
"""The split whose figures are judged."""


@dataclass(frozen=True, eq=False)
class CheckpointContent:
    """A checkpoint of a run."""

    name: str
    arrays: Arrays
    """Weights, and what the optimizer and the loss keep."""


@dataclass(frozen=True, eq=False)
class EvaluationContent:
    """An evaluation of a run."""

    saved: SavedEvaluation
    figures: Mapping[str, Scalar]
    """Every figure of its report by dotted name, without the confusion matrix."""

    probabilities: NDArray[np.float32] | None
    """Shape (N, K); None if the predictions were not kept."""


@dataclass(frozen=True, eq=False)
class RunContent:
    """The files of a run that a second training makes again."""

    name: str
    """As the user named it."""

    identity: Mapping[str, Scalar]
    """The facts that must be the same for a run to be the same, by dotted key."""

    checkpoints: Mapping[str, CheckpointContent]
    """By `best` and `last`; a run without validation may have no best."""

    epochs: int
    """Of the history, E."""

    classes: tuple[str, ...]
    columns: Arrays
    """Those of the history by dotted name, without the seconds; shape (E,) or (E, K)."""

    evaluations: Mapping[str, EvaluationContent]
    """By split."""


@dataclass(frozen=True)
class Difference:
    """A fact, an array or a figure that differs; None is what does not apply, or is undefined."""

    name: str
    """The dotted key of a fact, or the name of an array or a figure."""

    first: Scalar = None
    """The value in the run; of an array None."""

    second: Scalar = None
    """The value in the reproduction."""

    values: int | None = None
    """How many values of an array, or of a column, differ; None: its types or shapes do."""

    largest: float | None = None
    """The largest absolute difference of two numbers."""

    epoch: int | None = None
    """The first epoch in which a column of the history differs."""


@dataclass(frozen=True)
class FileComparison:
    """A file of two runs."""

    file: str
    """Its path in a run."""

    kind: Literal["facts", "arrays", "columns", "figures"]
    compared: int
    """How many facts, arrays, columns or figures were compared."""

    differences: tuple[Difference, ...]
    problem: str | None = None
    """Why it could not be compared."""

    @property
    def is_equal(self) -> bool:
        """Whether it was compared, and is equal to the last bit."""
        return not self.differences and self.problem is None


@dataclass(frozen=True)
class ReproducedFigure:
    """A figure of the run and of its reproduction; None is an undefined or unknown number."""

    name: Literal["accuracy", "f1_macro", "recall", "precision"]
    class_name: str | None
    """Of recall and precision."""

    first: float | None
    second: float | None
    difference: float | None
    """Second - first."""

    paired: FigureFinding | None
    """The finding of the paired comparison of the predictions; None: there was none."""

    p_adjusted: float | None
    """Its p-value, adjusted for all classes."""

    spread: float | None
    """The standard deviation between runs of other seeds; None: not known."""

    limit: float | None
    """How far two runs may be apart by the seeds' spread; None: not known."""

    @property
    def differs(self) -> bool:
        """Whether the two are not the same number, or only one is undefined."""
        return self.first != self.second

    @property
    def within(self) -> bool | None:
        """Whether the difference is within the limit; None: one of them is not known."""
        if self.limit is None or self.difference is None:
            return None
        return abs(self.difference) <= self.limit

    @property
    def is_shown(self) -> bool:
        """Whether a difference is shown: beyond the limit, or, without one, by the paired comparison."""
        within = self.within
        return self.paired in {"better", "worse"} if within is None else not within

    @property
    def is_unjudged(self) -> bool:
        """Whether it differs, and neither a limit nor the paired comparison judges that."""
        return self.differs and self.within is None and self.paired is None


@dataclass(frozen=True)
class Reproduction:
    """A run and its reproduction, file by file."""

    runs: tuple[str, str]
    """The directories of the run and of its reproduction."""

    outcome: Outcome
    """Of the files that were compared."""

    environment: FileComparison
    results: tuple[FileComparison, ...]
    """Checkpoints, history and evaluations."""

    split: str
    """The split of the figures."""

    figures: tuple[ReproducedFigure, ...]
    """Empty if the results are equal to the last bit."""

    comparison: Comparison | None
    """Of the predictions of both on the same rows; None: not needed, or not possible."""

    seeds: tuple[int, ...] = ()
    """The seeds of the runs that measured the spread."""

    seeds_folder: str | None = None
    """The folder of these runs."""

    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<mtrain.Reproduction of {self.runs[0]}: {self.sentence}>"

    @property
    def exit_status(self) -> int:
        """0 if the runs are equal or no difference is shown, else 1."""
        return 0 if self.outcome in {"equal", "within the spread", "no difference shown"} else 1

    @property
    def sentence(self) -> str:
        """The outcome as a sentence, without a full stop."""
        if self.outcome == "other data":
            return "The runs are of different data, and no spread of seeds explains that"
        if self.outcome == "equal":
            absent = [result.file for result in self.results if result.problem is not None]
            verb = "was" if len(absent) == 1 else "were"
            but = f", but {' and '.join(absent)} {verb} not compared" if absent else ""
            return f"Equal to the last bit{but}"
        if self.outcome == "differs":
            return (
                f"It differs: of {_figures(len(self.figures))}, {', and '.join(self._differing())}"
            )
        if self.outcome == "not judged":
            unjudged = sum(figure.is_unjudged for figure in self.figures)
            return (
                f"It differs, and {unjudged} of {_figures(len(self.figures))} cannot be judged: "
                "the predictions of the two runs were not compared"
            )
        if not any(figure.differs for figure in self.figures):
            return (
                "It differs, but accuracy, macro F1, and recall and precision of each class are "
                "the same"
            )
        by_predictions = "shown to differ by the predictions of the same rows"
        if self.outcome == "no difference shown":
            return f"It differs, and no figure is {by_predictions}"
        spread = f"within the spread of {len(self.seeds)} seeds"
        others = sum(figure.differs and figure.within is None for figure in self.figures)
        if not others:
            return f"It differs, and every figure is {spread}"
        n = len(self.figures)
        return (
            f"It differs; {n - others} of {_figures(n)} {_are(n - others)} {spread}, and no other "
            f"is {by_predictions}"
        )

    def _differing(self) -> Iterator[str]:
        """How many figures are shown to differ, by the spread and by the predictions."""
        beyond = sum(figure.within is False for figure in self.figures)
        if beyond:
            yield f"{beyond} {_are(beyond)} beyond the spread of {len(self.seeds)} seeds"
        if paired := sum(figure.is_shown for figure in self.figures) - beyond:
            yield f"{paired} {_are(paired)} shown to differ by the predictions of the same rows"


def _figures(n: int) -> str:
    return f"{n:,} figure{'s' * (n != 1)}"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
