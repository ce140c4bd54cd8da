"""The results of an evaluation on a split; None is an undefined number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge

from mtrain.escape import inert_html
from mtrain.records.arrays import Floats, Ints
from mtrain.records.rivals import Rival
from mtrain.records.training import Predictions

MOST_CLASSES = 100
"""The most classes in tables and bars; of more, only the worst are shown."""

Decision = Literal["learned", "not learned", "unproven"]

Interval = tuple[float, float]
"""The lowest and the highest value, both in [0, 1]."""


@dataclass(frozen=True)
class Named:
    """A class."""

    id: int
    """Its index."""

    name: str


@dataclass(frozen=True)
class Scores:
    """How well a class is separated from all others, or an average of this; each in [0, 1]."""

    precision: float | None
    recall: float | None
    f1: float | None
    specificity: float | None
    fpr: float | None
    roc_auc: float | None
    average_precision: float | None


@dataclass(frozen=True)
class Confusion(Named):
    """Another class that is predicted for rows of a class."""

    n: int
    """How many of them."""


@dataclass(frozen=True)
class ClassReport(Scores, Named):
    """Counts and scores of one class against all others."""

    support: int
    """Rows of this class."""

    predicted: int
    """Rows predicted as this class."""

    tp: int
    fp: int
    fn: int
    tn: int
    precision_ci: Interval | None
    """95 % Wilson interval."""

    recall_ci: Interval | None
    f1_ci: Interval | None
    """That of tp / (tp + fp + fn), of which F1 is a function."""

    verdict: Decision
    """Whether the class is shown to reach `evaluation.require`, or shown not to."""

    p: float | None
    """Of the verdict, adjusted for all classes and looks; of *unproven*, of what the counts point
    to. None without rows."""

    reason: str
    """The counts, and the requirement that they do not meet."""

    rows_needed: int | None
    """Of *unproven*: rows of the class after which, with the shares seen, 80 % of evaluations would
    decide. None: it is decided, or no number of rows would do."""

    confused_with: tuple[Confusion, ...]
    """Up to three other classes that are predicted for its rows, most frequent first."""

    # Written where it is undefined, and absent from files of earlier versions.
    calibration_error: float | None = field(default_factory=lambda: None)
    """How far probabilities are from the share that is right, of the rows predicted as it; in [0, 1].
    None without such rows."""


@dataclass(frozen=True)
class WeightedClass(Scores, Named):
    """Scores of one class, each row counted by its weight."""

    support: float
    """The sum of the weights of its rows."""


@dataclass(frozen=True)
class Average(Scores):
    """An average of the classes where a score is defined."""

    support: float
    """Rows, or the sum of their weights."""

    classes: int
    """The smallest number of classes in the average of any score."""

    classes_by_figure: Mapping[str, int]
    """The number of classes in the average of each score."""

    precision_ci: Interval | None = None
    """95 % interval of a macro average of unweighted rows."""

    recall_ci: Interval | None = None
    f1_ci: Interval | None = None


@dataclass(frozen=True)
class Averages:
    """Over classes, over classes by support, and of all rows pooled."""

    macro: Average
    weighted: Average
    micro: Average


@dataclass(frozen=True)
class SampleWeighted:
    """The same figures, each row counted by its weight."""

    accuracy: float | None
    log_loss: float | None
    classes: tuple[WeightedClass, ...]
    averages: Averages


@dataclass(frozen=True)
class Baseline:
    """The result of always predicting the most frequent class."""

    class_name: str
    accuracy: float


@dataclass(frozen=True)
class ThresholdChoice:
    """How a threshold was chosen."""

    by: str
    """`f1`, `recall` or `precision`."""

    on: str
    """The split."""

    at_least: float | None = None
    """The recall or precision to be reached."""

    epoch: int | None = None
    """After which it was chosen."""

    failed: str | None = None
    """Why none could be chosen."""

    confidence: float | None = None
    """With which `at_least` is promised of new rows; None: it is not."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Rows predicted with about the same probability."""

    rows: int
    probability: float
    """The mean one of their predicted classes."""

    right: float
    """The share that is rightly predicted."""

    right_ci: Interval
    """Its exact 95 % interval."""


@dataclass(frozen=True)
class CalibrationReport:
    """How far the probabilities of the predicted classes are from how often they are right."""

    error: float
    """Root mean square of the differences, without what chance adds to it; in [0, 1]."""

    error_ci: Interval
    """95 % interval."""

    probability: float
    """The mean one. Of calibrated probabilities it is the accuracy, but for chance."""

    bins: tuple[ReliabilityBin, ...]
    """Of equally many rows, the least certain first."""

    temperature: float | None = None
    """By which outputs were divided, chosen on validation; 1: none lowers the log loss. None: none was
    looked for, or that of each fold is another."""

    log_loss_without: float | None = None
    """The log loss that the rows would have without it."""


@dataclass(frozen=True)
class Answered:
    """Predictions above a probability, as if the others were not given."""

    above: float
    rows: int
    """How many there are."""

    of: int
    """How many there are without the limit."""

    right: int
    right_ci: Interval | None
    """95 % Wilson interval of the share that is right; None without rows."""

    @property
    def coverage(self) -> float | None:
        """The share of the predictions that is above it; None if there are no predictions."""
        return self.rows / self.of if self.of else None

    @property
    def precision(self) -> float | None:
        """The share of them that is right; None without any."""
        return self.right / self.rows if self.rows else None


@dataclass(frozen=True)
class EvaluatedData:
    """The data of an evaluation."""

    source: str
    sha256: str
    as_trained_on: bool
    """Whether they are data of the training."""

    notes: tuple[str, ...]


@dataclass(frozen=True)
class Undefined:
    """A score of a class that is 0/0."""

    class_name: str
    metric: str
    reason: str


@dataclass(frozen=True)
class Finding:
    """A conclusion from the numbers, for people."""

    kind: str
    """`never-predicted`, `no-better-than-baseline`, ...: the same for all texts of a kind."""

    text: str
    """A line, without a full stop."""

    classes: tuple[str, ...] = ()
    """The classes that it is about."""


@dataclass(frozen=True)
class Slice:
    """The figures of the rows with one value of a column."""

    value: str
    """The value; of many numbers a range, `18 to 31`; `missing` for rows that have none."""

    is_missing: bool
    """Whether its rows have no value."""

    n: int
    """Rows."""

    accuracy: float
    accuracy_ci: Interval
    """95 % Wilson interval."""

    log_loss: float | None
    baseline: Baseline

    classes: tuple[ClassReport, ...]
    """Verdicts are adjusted for all classes of all slices."""

    averages: Averages
    p_lower: float | None
    """The p-value of its accuracy being lower than that of all other rows, adjusted for all slices
    and looks. None: it is not tested."""

    bounds: tuple[float, float] | None = None
    """The smallest and the largest number of a range; None: it is one value."""

    groups: Annotated[int, Ge(1)] | None = None
    """Groups of its rows, which intervals and verdicts count; None: rows have none."""


@dataclass(frozen=True)
class Slices:
    """An evaluation by the values of a column."""

    column: str
    slices: tuple[Slice, ...]
    """In the order of the values, missing ones last."""

    findings: tuple[Finding, ...]
    """Slices that are shown to be worse than all other rows, and what was not tested."""


@dataclass(frozen=True, eq=False)
class Report:
    """An evaluation: predictions, and every figure of them."""

    split: str
    """`test`, `val` or `train`."""

    checkpoint: str
    selected: bool
    """Whether the checkpoint or the threshold was chosen by its figures on this split, which makes
    them optimistic."""

    n: int
    """Rows."""

    loss: float | None
    """Penalties included."""

    accuracy: float | None
    log_loss: float | None
    baseline: Baseline
    confusion_matrix: Ints
    """Rows of true class i predicted as j, shape (K, K)."""

    classes: tuple[ClassReport, ...]
    averages: Averages
    undefined: tuple[Undefined, ...]
    findings: tuple[Finding, ...]
    groups: Annotated[int, Ge(1)] | None = None
    """Groups of rows that belong together, which intervals and verdicts count; None: rows have none."""

    looks: Annotated[int, Ge(1)] = 1
    """Epochs of which the checkpoint was the best on this split; the verdicts allow for them. Of an
    ensemble, choices of an epoch for each member."""

    threshold: float | None = None
    """With two classes and a threshold other than 0.5: the probability above which the second is
    predicted."""

    threshold_chosen: ThresholdChoice | None = None
    data: EvaluatedData | None = None
    calibration: CalibrationReport | None = None
    figures: Mapping[str, float | None] | None = None
    """The run's other metrics that are one number."""

    sample_weighted: SampleWeighted | None = None
    """The weighted figures, if rows have weights."""

    weighted_confusion_matrix: Floats | None = None
    """Their sums, shape (K, K), where rows have weights."""

    predictions: Predictions | None = None
    """The predictions of every row; None if they were not kept."""

    rivals: tuple[Rival, ...] | None = None
    """Simpler models on the same rows, if they were trained."""

    by: Slices | None = None
    """The same figures for each value of a column, if they were asked for."""

    def __repr__(self) -> str:
        shares = [
            f"{name} {'undefined' if value is None else f'{value:z.3f}'}"
            for name, value in (("accuracy", self.accuracy), ("macro F1", self.averages.macro.f1))
        ]
        return (
            f"<mtrain.Report of {self.checkpoint} on {self.split}: "
            f"{self.rows}, {', '.join(shares)}>"
        )

    @property
    def rows(self) -> str:
        """How many rows there are, and of how many groups."""
        if self.groups is None:
            return f"{self.n:,} rows"
        return f"{self.n:,} rows of {self.groups:,} group{'s' * (self.groups > 1)}"

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The figures of each value of the column, if the evaluation is by one."""
        return () if self.by is None else self.by.slices

    def _repr_html_(self) -> str:
        return report_as_html(self)

    def lowest_f1(self, most: int = MOST_CLASSES) -> tuple[ClassReport, ...]:
        """The classes in class order; of more than `most` those of the lowest defined F1."""
        if len(self.classes) <= most:
            return self.classes
        defined = [(c.f1, c.id) for c in self.classes if c.f1 is not None]
        kept = sorted(k for _, k in sorted(defined)[:most])
        return tuple(self.classes[k] for k in kept)


def report_as_html(report: Report) -> str:
    """HTML for a notebook: a table, a row a class; names of classes are inert."""
    return "".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    baseline = report.baseline
    yield (
        f"<p>{inert_html(report.split)} split, {report.rows}, accuracy {_share(report.accuracy)} "
        f"({inert_html(report.checkpoint)}); always {inert_html(baseline.class_name)}: "
        f"{_share(baseline.accuracy)}</p>"
    )
    headings = ("class", "precision", "recall", "F1", "support", "verdict")
    yield f"<table><tr>{''.join(f'<th>{heading}</th>' for heading in headings)}</tr>"
    entries = report.lowest_f1()
    for entry in entries:
        yield _row(entry.name, entry, entry.support, entry.verdict)
    if more := len(report.classes) - len(entries):
        yield f"<tr><td>and {more:,} classes more</td></tr>"
    yield _row("macro average", report.averages.macro, report.n)
    yield "</table>"


def _row(name: str, scores: Scores, support: int, verdict: str = "") -> str:
    shares = (_share(value) for value in (scores.precision, scores.recall, scores.f1))
    cells = (inert_html(name), *shares, f"{support:,}", verdict)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:z.3f}"
