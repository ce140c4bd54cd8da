"""Runs compared with a first one on the same rows, class by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.undefined import interval, number
from mtrain.records.comparison import (
    AverageComparison,
    ClassComparison,
    Comparison,
    Right,
)
from mtrain.records.figure_comparison import FigureComparison
from mtrain.statistics.binomial import Z_95
from mtrain.statistics.influence import FIGURES
from mtrain.statistics.multiple import LEVEL, holm
from mtrain.statistics.paired import (
    accuracy_difference,
    class_differences,
    macro_difference,
)
from mtrain.statistics.pairs import pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.arrays import Floats
    from mtrain.records.evaluation import SavedEvaluation
    from mtrain.records.figure_comparison import FigureFinding
    from mtrain.statistics.differences import Differences

Z_ONE_SIDED = 1.6448536269514722
"""The normal distribution's 95 % quantile."""


def compare_with_first(
    evaluations: Sequence[SavedEvaluation], margin: float | None = None
) -> list[Comparison]:
    """Compare each evaluation but the first with the first, on the same rows in the same order.

    `margin`, in (0, 1), is how far below the first a figure may be and still be *no worse*. P-values
    are adjusted by Holm within each figure, over all classes and comparisons.
    """
    first, *others = evaluations
    n_classes = len(first.classes)
    pairs = [
        pair(first.labels, first.predicted, one.predicted, n_classes, first.groups)
        for one in others
    ]
    by_class = {
        figure: compare_figures([class_differences(each, figure) for each in pairs], margin)
        for figure in FIGURES
    }
    of_all = {
        figure: compare_figures([macro_difference(each, figure) for each in pairs], margin)
        for figure in FIGURES
    }
    accuracy = compare_figures([accuracy_difference(each) for each in pairs], margin)
    return [
        Comparison(
            runs=(first.name, other.name),
            split=first.split,
            n=len(first.labels),
            groups=first.report.groups,
            same=pairs[run].same(),
            right=Right(*pairs[run].right()),
            margin=margin,
            selected=(first.selected, other.selected),
            classes=tuple(
                ClassComparison(
                    one.id,
                    one.name,
                    support=one.support,
                    **{figure: by_class[figure][run][one.id] for figure in FIGURES},
                )
                for one in first.report.classes
            ),
            averages=AverageComparison(
                accuracy=accuracy[run][0],
                recall_macro=of_all["recall"][run][0],
                precision_macro=of_all["precision"][run][0],
                f1_macro=of_all["f1"][run][0],
            ),
        )
        for run, other in enumerate(others)
    ]


def compare_figures(
    differences: Sequence[Differences], margin: float | None = None
) -> list[list[FigureComparison]]:
    """Comparisons by run and class, from the differences of each run; p-values are adjusted together."""
    adjusted = holm(np.concatenate([np.ravel(each.p) for each in differences]))
    return [
        _of_run(each, p_adjusted, margin)
        for each, p_adjusted in zip(differences, np.split(adjusted, len(differences)), strict=True)
    ]


def _of_run(of: Differences, adjusted: Floats, margin: float | None) -> list[FigureComparison]:
    intervals = of.bounds(Z_95).reshape(-1, 2)
    lowest = of.bounds(Z_ONE_SIDED).reshape(-1, 2)[:, 0]
    columns = (np.ravel(each) for each in (of.first, of.second, of.difference, of.p))
    return [
        FigureComparison(
            first=number(first),
            second=number(second),
            difference=number(difference),
            ci=interval(ci),
            p=number(p),
            p_adjusted=number(p_adjusted),
            finding=_finding(difference, p_adjusted, low, margin),
        )
        for first, second, difference, p, ci, p_adjusted, low in zip(
            *columns, intervals, adjusted, lowest, strict=True
        )
    ]


def _finding(difference: float, p: float, lowest: float, margin: float | None) -> FigureFinding:
    if p <= LEVEL:
        return "better" if difference > 0 else "worse"
    if margin is not None and lowest > -margin:
        return "no worse"
    return "not shown"
