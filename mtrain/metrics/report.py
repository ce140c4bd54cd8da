"""Every figure of an evaluation on a split: overall, and of every class."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.catalog.metrics import Source, averaged
from mtrain.metrics.calibration import calibration_errors
from mtrain.metrics.counts import (
    ClassCounts,
    averages,
    class_counts,
    clusters_of,
    confusion_matrix,
)
from mtrain.metrics.epoch import ranking_figures
from mtrain.metrics.findings import find
from mtrain.metrics.probabilities import log_loss
from mtrain.metrics.undefined import interval, number
from mtrain.metrics.verdict import verdicts
from mtrain.records.report import (
    Average,
    Averages,
    Baseline,
    ClassReport,
    Confusion,
    Report,
    SampleWeighted,
    Undefined,
    WeightedClass,
)
from mtrain.records.requirement import Requirement
from mtrain.statistics.averages import f1_interval, macro_share
from mtrain.statistics.binomial import wilson
from mtrain.statistics.clusters import as_effective
from mtrain.statistics.influence import FIGURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtrain.metrics.verdict import Verdict
    from mtrain.records.arrays import Counts, Floats, Ints
    from mtrain.records.report import CalibrationReport, EvaluatedData, ThresholdChoice
    from mtrain.records.rivals import Rival
    from mtrain.records.training import Predictions
    from mtrain.statistics.clusters import Clusters

_ABSENT = "no row of this class in the split"
_ALONE = "no row of another class in the split"
_REASONS = {
    "precision": "never predicted",
    "recall": _ABSENT,
    "f1": "neither present nor predicted",
    "specificity": _ALONE,
    "fpr": _ALONE,
    "average_precision": _ABSENT,
}


def make_report(
    predictions: Predictions,
    classes: tuple[str, ...],
    *,
    split: str,
    checkpoint: str,
    selected: bool = False,
    threshold: float | None = None,
    threshold_chosen: ThresholdChoice | None = None,
    data: EvaluatedData | None = None,
    figures: Mapping[str, float] | None = None,
    required: Sequence[Requirement] | None = None,
    looks: int = 1,
    decided: Sequence[Verdict] | None = None,
    calibration: CalibrationReport | None = None,
    rivals: tuple[Rival, ...] | None = None,
) -> Report:
    """Compute every figure of `predictions` on the split called `split`.

    `required` is what each class must reach; None: the default for all. `decided` has the verdict of
    each class, if it was made together with those of other rows. Everything else is as in the `Report`; a
    figure that is NaN is None there.
    """
    confusion = confusion_matrix(predictions.labels, predictions.predicted, len(classes))
    counts = class_counts(confusion)
    clusters = clusters_of(predictions, len(classes))
    scores, micro = _scores(predictions, counts)
    most_frequent = int(counts.support.argmax())
    if required is None:
        required = [Requirement()] * len(classes)
    if decided is None:
        decided = verdicts(counts, classes, required, looks, clusters)
    report = Report(
        split=split,
        checkpoint=checkpoint,
        selected=selected,
        n=len(predictions.labels),
        loss=number(predictions.loss),
        accuracy=number(counts.accuracy),
        log_loss=number(log_loss(predictions.labels, predictions.probabilities)),
        baseline=Baseline(
            classes[most_frequent],
            int(counts.support[most_frequent]) / len(predictions.labels),
        ),
        confusion_matrix=confusion,
        classes=_class_reports(
            classes,
            counts,
            scores,
            confusion,
            decided,
            calibration_errors(predictions, len(classes)),
            clusters,
        ),
        averages=_with_intervals(_averages(scores, micro, counts), confusion, clusters),
        undefined=tuple(
            Undefined(classes[k], name, _reason(name, counts, k))
            for name, values in scores.items()
            for k in np.flatnonzero(np.isnan(values))
        ),
        findings=(),
        groups=None if clusters is None else clusters.n_groups,
        looks=looks,
        threshold=threshold,
        threshold_chosen=threshold_chosen,
        data=data,
        calibration=calibration,
        rivals=rivals,
        figures={key: number(value) for key, value in figures.items()} if figures else None,
        predictions=predictions,
    )
    if predictions.weights is not None:
        weighted, matrix = _weighted(predictions, classes, predictions.weights)
        report = replace(report, sample_weighted=weighted, weighted_confusion_matrix=matrix)
    return replace(report, findings=tuple(find(report)))


def _weighted(
    predictions: Predictions, classes: tuple[str, ...], weights: Floats
) -> tuple[SampleWeighted, Floats]:
    """The same figures and confusion matrix, with each row counted by its weight."""
    confusion = confusion_matrix(predictions.labels, predictions.predicted, len(classes), weights)
    counts = class_counts(confusion)
    scores, micro = _scores(predictions, counts, weights)
    figures = SampleWeighted(
        accuracy=number(counts.accuracy),
        log_loss=number(log_loss(predictions.labels, predictions.probabilities, weights)),
        classes=tuple(
            WeightedClass(id=k, name=name, **_at(scores, k), support=float(counts.support[k]))
            for k, name in enumerate(classes)
        ),
        averages=_averages(scores, micro, counts),
    )
    return figures, confusion.astype(np.float64, copy=False)


def _scores(
    predictions: Predictions, counts: ClassCounts, weights: Floats | None = None
) -> tuple[dict[str, Floats], dict[str, float]]:
    """Each score of every class, and its micro average."""
    pooled = counts.pooled()
    ratios = averaged(Source.COUNTS)
    scores = {name: getattr(counts, name) for name in ratios}
    micro = {name: float(getattr(pooled, name)[0]) for name in ratios}
    for name, (values, together) in ranking_figures(predictions, weights).items():
        scores[name], micro[name] = values, together
    return scores, micro


def _averages(scores: dict[str, Floats], micro: dict[str, float], counts: ClassCounts) -> Averages:
    means = {name: averages(scores[name], counts.support, micro[name]) for name in scores}
    support = counts.support.sum().item()

    def average(kind: str) -> Average:
        # The micro average pools all classes.
        n_classes = {
            name: each.size if kind == "micro" else int(np.count_nonzero(~np.isnan(each)))
            for name, each in scores.items()
        }
        values: dict[str, Any] = {name: number(means[name][kind]) for name in scores}
        least = min(n_classes.values())
        return Average(**values, support=support, classes=least, classes_by_figure=n_classes)

    return Averages(average("macro"), average("weighted"), average("micro"))


def _with_intervals(averages: Averages, confusion: Ints, clusters: Clusters | None) -> Averages:
    """With the intervals of the macro averages."""
    of = {
        figure: interval(macro_share(confusion, figure, clusters).interval()) for figure in FIGURES
    }
    f1, around = averages.macro.f1, of["f1"]
    if f1 is not None and around is not None:
        # The interval is of F1 without its bias; that of many small classes may be outside.
        of["f1"] = min(around[0], f1), max(around[1], f1)
    macro = replace(
        averages.macro, precision_ci=of["precision"], recall_ci=of["recall"], f1_ci=of["f1"]
    )
    return replace(averages, macro=macro)


def _class_reports(
    classes: tuple[str, ...],
    counts: ClassCounts,
    scores: dict[str, Floats],
    confusion: Ints,
    decided: Sequence[Verdict],
    calibration: Floats,
    clusters: Clusters | None,
) -> tuple[ClassReport, ...]:
    precision, recall, f1 = (
        as_effective(counts.tp, trials, None if clusters is None else getattr(clusters, figure))
        for figure, trials in (
            ("precision", counts.predicted),
            ("recall", counts.support),
            ("f1", counts.tp + counts.fp + counts.fn),
        )
    )
    precision_ci, recall_ci = wilson(*precision), wilson(*recall)
    f1_ci = f1_interval(f1[0], f1[1] - f1[0])
    return tuple(
        ClassReport(
            id=k,
            name=name,
            **_at(scores, k),
            support=int(counts.support[k]),
            predicted=int(counts.predicted[k]),
            tp=int(counts.tp[k]),
            fp=int(counts.fp[k]),
            fn=int(counts.fn[k]),
            tn=int(counts.tn[k]),
            precision_ci=interval(precision_ci[k]),
            recall_ci=interval(recall_ci[k]),
            f1_ci=interval(f1_ci[k]),
            verdict=decided[k].verdict,
            p=decided[k].p,
            reason=decided[k].reason,
            rows_needed=decided[k].rows_needed,
            confused_with=tuple(
                Confusion(int(j), classes[j], int(confusion[k, j]))
                for j in _confused_with(confusion[k], k)
            ),
            calibration_error=number(calibration[k]),
        )
        for k, name in enumerate(classes)
    )


def _at(scores: Mapping[str, Floats], k: int) -> dict[str, float | None]:
    """The scores of one class."""
    return {name: number(values[k]) for name, values in scores.items()}


def _confused_with(row: Counts, k: int) -> Ints:
    """The up to three other classes that class k is most often taken for, most often first."""
    others = np.flatnonzero(row)
    others = others[others != k]
    most_often: Ints = others[np.argsort(-row[others], kind="stable")[:3]]
    return most_often


def _reason(name: str, counts: ClassCounts, k: np.intp) -> str:
    if name == "roc_auc":
        return _ABSENT if counts.support[k] == 0 else _ALONE
    return _REASONS[name]
