"""Rivals beside a network on the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.comparison import compare_figures
from mtrain.metrics.counts import averages, class_counts, confusion_matrix
from mtrain.metrics.probabilities import log_loss
from mtrain.metrics.thresholds import predict_above
from mtrain.metrics.undefined import number
from mtrain.records.rivals import Rival, RivalClass
from mtrain.statistics.paired import accuracy_difference, macro_difference
from mtrain.statistics.pairs import pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.figure_comparison import FigureComparison
    from mtrain.records.rivals import TrainedRival
    from mtrain.records.training import Predictions


def rival_predictions(rival: TrainedRival, split: str, network: Predictions) -> Predictions:
    """What a rival predicts of the rows that the network has predicted, which are those of `split`."""
    scores = rival.probabilities[split]
    predictions = replace(
        network, probabilities=scores, predicted=scores.argmax(axis=1), loss=np.nan
    )
    return predictions if rival.threshold is None else predict_above(predictions, rival.threshold)


def with_rivals(
    network: Predictions, rivals: Sequence[TrainedRival], split: str, classes: Sequence[str]
) -> tuple[Predictions, tuple[Rival, ...]]:
    """The network's predictions of the rows of `split` with the rivals', and what these are beside it."""
    predicted = [
        None if one.problem is not None else rival_predictions(one, split, network)
        for one in rivals
    ]
    return (
        replace(
            network,
            rivals={
                one.name: of_it.predicted
                for one, of_it in zip(rivals, predicted, strict=True)
                if of_it is not None
            },
        ),
        judge_rivals(network, rivals, predicted, classes),
    )


def judge_rivals(
    network: Predictions,
    rivals: Sequence[TrainedRival],
    predicted: Sequence[Predictions | None],
    classes: Sequence[str],
) -> tuple[Rival, ...]:
    """Each rival's figures, and how they differ from the network's, by the tests by which runs are compared.

    From what each has `predicted` of the network's rows; None: it has a problem.
    """
    compared = iter(_compared(network, [one for one in predicted if one is not None], len(classes)))
    return tuple(
        Rival(rival.name, problem=rival.problem)
        if of_it is None
        else _judged(rival, of_it, classes, *next(compared))
        for rival, of_it in zip(rivals, predicted, strict=True)
    )


def _compared(
    network: Predictions, rivals: Sequence[Predictions], n_classes: int
) -> list[tuple[FigureComparison, FigureComparison]]:
    """Accuracy and balanced accuracy of each."""
    if not rivals:
        return []
    pairs = [
        pair(network.labels, network.predicted, one.predicted, n_classes, network.groups)
        for one in rivals
    ]
    differences = [
        of_figure(each)
        for each in pairs
        for of_figure in (accuracy_difference, lambda each: macro_difference(each, "recall"))
    ]
    figures = [figure for (figure,) in compare_figures(differences)]
    return list(zip(figures[::2], figures[1::2], strict=True))


def _judged(
    rival: TrainedRival,
    predictions: Predictions,
    classes: Sequence[str],
    accuracy: FigureComparison,
    recall_macro: FigureComparison,
) -> Rival:
    counts = class_counts(confusion_matrix(predictions.labels, predictions.predicted, len(classes)))
    return Rival(
        rival.name,
        accuracy=accuracy,
        recall_macro=recall_macro,
        f1_macro=number(averages(counts.f1, counts.support, micro=np.nan)["macro"]),
        log_loss=number(log_loss(predictions.labels, predictions.probabilities)),
        threshold=rival.threshold,
        classes=tuple(
            RivalClass(name, number(precision), number(recall), number(f1))
            for name, precision, recall, f1 in zip(
                classes, counts.precision, counts.recall, counts.f1, strict=True
            )
        ),
        notes=rival.notes,
    )
