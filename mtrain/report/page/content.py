"""What the pages of a run and of a sweep are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mtrain.metrics.suspects import suspects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.axes import Axis
    from mtrain.metrics.history import History
    from mtrain.metrics.learning import ClassLearning
    from mtrain.records.arrays import Ints
    from mtrain.records.ensemble import EnsembleMember
    from mtrain.records.report import Report
    from mtrain.records.run import Environment
    from mtrain.records.sweep import SweepDescription, SweepResult
    from mtrain.records.training import NeverLearned, Predictions


MOST_SUSPECTS = 30
"""Rows of each list of suspects."""


@dataclass(frozen=True)
class Mistake:
    """A row that was predicted as another class."""

    row: int
    """Where it stands in the data."""

    file: str | None
    """Its name, if rows have names."""

    true: str
    predicted: str
    p_true: float
    """The probability of its class, in [0, 1]."""

    p_predicted: float


@dataclass(frozen=True, eq=False)
class Mistakes:
    """The mistakes of an evaluation, the most confident first."""

    classes: Sequence[str]
    predictions: Predictions
    rows: Ints
    """Where each row stands in the data, shape (N,)."""

    files: NDArray[np.str_] | None
    """Names of rows, shape (N,); None: they have none, or the data were not read."""

    order: Ints
    """The positions of the mistakes."""

    def first(self, n: int) -> list[Mistake]:
        """At most so many."""
        return [self.at(position) for position in self.order[:n]]

    def suspects(self, n: int) -> list[Mistake]:
        """At most so many rows whose label is likely wrong, each taken for what it looks like."""
        rows, like = suspects(self.predictions)
        return [self.at(*one) for one in zip(rows[:n].tolist(), like[:n].tolist(), strict=True)]

    def at(self, position: int, other: int | None = None) -> Mistake:
        """That of the row at this position, taken for the class `other`; None: the predicted one."""
        true = self.predictions.labels[position]
        predicted = self.predictions.predicted[position] if other is None else other
        probabilities = self.predictions.probabilities[position]
        return Mistake(
            int(self.rows[position]),
            None if self.files is None else str(self.files[position]),
            self.classes[true],
            self.classes[predicted],
            float(probabilities[true]),
            float(probabilities[predicted]),
        )


@dataclass(frozen=True, eq=False)
class PageContent:
    """A run, as its files tell it."""

    name: str
    state: str
    """As `run_state` names it."""

    config: Config
    settings: str
    """The config as YAML."""

    environment: Environment
    history: History
    report: Report | None
    """The evaluation on test; None if the run has no such evaluation."""

    mistakes: Mistakes | None
    """Of that evaluation; None: its predictions were not kept."""

    learning: Sequence[ClassLearning]
    """When each class was learned; empty if it was not counted."""

    never_learned: Sequence[NeverLearned]
    """The first training rows that were never right; none if their learning was not counted."""

    pictures: Mapping[int, bytes]
    """PNG files of rows that are images, by the place of the row in the data."""

    missing: Sequence[str]
    """What could not be shown, and why."""

    members: Sequence[EnsembleMember] = ()
    """Of an ensemble, whose history is empty; none: it is a run."""


@dataclass(frozen=True, eq=False)
class SweepPageContent:
    """A sweep, as its files tell it."""

    name: str
    state: Literal["finished", "running", "interrupted"]
    plan: SweepDescription
    axes: Sequence[Axis]
    settings: str
    """The plan without its members, as YAML."""

    result: SweepResult
    """If the sweep is not over, of what is finished so far."""

    in_training: frozenset[str]
    """Members that train at the moment."""

    with_page: frozenset[str]
    """Members that have a page of their own."""

    environment: Environment | None
    """Of a member; None: none can be read."""

    pooled: Report | None
    """The evaluation of all folds of the best setting; None: it has none."""

    judged: Mapping[str, Report]
    """The evaluations on test of the best setting whose probabilities are judged: by member, or of all folds."""

    missing: Sequence[str]
    """What could not be shown, and why."""
