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

    from mtrain.records.comparison import Comparison
    from mtrain.records.figure_comparison import FigureComparison
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
    same split. A limit of recall, or of precision, allows for the number of classes. A class that only
    one of the two has is undefined in the other.
    """
    return tuple(_figures(first, second, comparison, seeds))


def judge(
    environment: FileComparison,
    results: Sequence[FileComparison],
    figures: Sequence[ReproducedFigure],
    *,
    is_spread_known: bool,
) -> Outcome:
    """The outcome; other data come first, and a file that was not compared is not a difference.

    A figure that the seeds do not vary, or that is undefined, is judged by the comparison of the
    predictions; if that is missing, too, the outcome is not judged. The outcome is of the spread only
    if a figure that differs is within it, or none differs.
    """
    if is_of_other_data(environment):
        return "other data"
    if not any(result.differences for result in results):
        return "equal"
    if any(figure.is_shown for figure in figures):
        return "differs"
    if any(figure.is_unjudged for figure in figures):
        return "not judged"
    differing = [figure for figure in figures if figure.differs]
    is_within = not differing or any(figure.within for figure in differing)
    return "within the spread" if is_spread_known and is_within else "no difference shown"


def _figures(
    first: Report, second: Report, comparison: Comparison | None, seeds: Sequence[Report]
) -> Iterator[ReproducedFigure]:
    for name in AVERAGES:
        paired = None if comparison is None else getattr(comparison.averages, name)
        values = [_average(report, name) for report in (first, second, *seeds)]
        yield _figure(name, None, values, paired, together=1)
    by_name = [{one.name: one for one in report.classes} for report in (first, second, *seeds)]
    # Predictions are compared only if both have the same classes.
    compared = {} if comparison is None else {one.name: one for one in comparison.classes}
    class_names = list(by_name[0] | by_name[1])
    for name in OF_CLASSES:
        for class_name in class_names:
            paired = getattr(compared.get(class_name), name, None)
            values = [getattr(classes.get(class_name), name, None) for classes in by_name]
            yield _figure(name, class_name, values, paired, together=len(class_names))


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
