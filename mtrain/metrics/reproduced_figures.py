"""Figures of a run beside those of its reproduction, and whether a difference is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from mtrain.metrics.reproduction import is_of_other_data
from mtrain.metrics.undefined import number
from mtrain.records.reproduction import ReproducedFigure
from mtrain.statistics.spread import deviation, difference_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.records.comparison import Comparison, FigureComparison
    from mtrain.records.report import Report
    from mtrain.records.reproduction import FileComparison, Outcome

Name = Literal["accuracy", "f1_macro", "recall", "precision"]

AVERAGES: tuple[Name, ...] = ("accuracy", "f1_macro")
OF_CLASSES: tuple[Name, ...] = ("recall", "precision")


def judge_figures(
    first: Report, second: Report, comparison: Comparison | None, seeds: Sequence[Report]
) -> tuple[ReproducedFigure, ...]:
    """Accuracy, macro F1, and recall and precision of each class, of a run and its reproduction.

    `comparison` is that of their predictions, `seeds` are evaluations of runs of other seeds, on the
    same split. A limit of recall, or of precision, allows for the number of classes. If the two have
    other classes, there are only the averages.
    """
    return tuple(_figures(first, second, comparison, seeds))


def judge(
    environment: FileComparison,
    results: Sequence[FileComparison],
    figures: Sequence[ReproducedFigure],
    *,
    is_compared: bool,
    is_spread_known: bool,
) -> Outcome:
    """The outcome: `is_compared` says whether predictions were, `is_spread_known` whether seeds were.

    Other data come first. A figure that the seeds do not vary, or that is undefined, is judged by
    the comparison of the predictions.
    """
    if is_of_other_data(environment):
        return "other data"
    if all(result.is_equal for result in results):
        return "equal"
    if any(figure.is_shown for figure in figures):
        return "differs"
    if is_spread_known:
        return "within the spread"
    is_same = all(figure.first == figure.second for figure in figures)
    return "no difference shown" if is_compared or is_same else "not judged"


def _figures(
    first: Report, second: Report, comparison: Comparison | None, seeds: Sequence[Report]
) -> Iterator[ReproducedFigure]:
    for name in AVERAGES:
        paired = None if comparison is None else getattr(comparison.averages, name)
        values = [_average(report, name) for report in (first, second, *seeds)]
        yield _figure(name, None, values, paired, together=1)
    classes = [[one.name for one in report.classes] for report in (first, second)]
    if classes[0] != classes[1]:
        return
    for name in OF_CLASSES:
        for k, class_name in enumerate(classes[0]):
            paired = None if comparison is None else getattr(comparison.classes[k], name)
            values = [getattr(report.classes[k], name) for report in (first, second, *seeds)]
            yield _figure(name, class_name, values, paired, together=len(classes[0]))


def _average(report: Report, name: Name) -> float | None:
    return report.accuracy if name == "accuracy" else report.averages.macro.f1


def _figure(
    name: Name,
    class_name: str | None,
    values: Sequence[float | None],
    paired: FigureComparison | None,
    *,
    together: int,
) -> ReproducedFigure:
    first, second, *others = values
    of_seeds = np.array(others, np.float64)  # None is NaN
    return ReproducedFigure(
        name=name,
        class_name=class_name,
        first=first,
        second=second,
        difference=None if first is None or second is None else second - first,
        paired=None if paired is None else paired.finding,
        p_adjusted=None if paired is None else paired.p_adjusted,
        spread=number(deviation(of_seeds)),
        limit=number(difference_limit(of_seeds, together)),
    )
