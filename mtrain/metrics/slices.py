"""An evaluation by the values of a column: every figure of each slice, and which are worse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import class_counts, clusters_of, confusion_matrix
from mtrain.metrics.findings import p_in_words
from mtrain.metrics.report import make_report
from mtrain.metrics.undefined import number
from mtrain.metrics.verdict import Judged, verdicts_together
from mtrain.records.report import Finding, Slice, Slices
from mtrain.statistics.binomial import p_by_chance, wilson
from mtrain.statistics.clusters import as_effective
from mtrain.statistics.multiple import LEVEL, holm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.metrics.verdict import Verdict
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.report import Report
    from mtrain.records.requirement import Requirement
    from mtrain.records.slice_rows import SliceRows
    from mtrain.records.training import Predictions


def make_slices(
    column: str,
    parts: Sequence[SliceRows],
    predictions: Predictions,
    classes: tuple[str, ...],
    *,
    required: Sequence[Requirement],
    of: Report,
) -> Slices:
    """The figures of the rows of each part, which together are all rows of `predictions`.

    `of` is the report on all rows. Verdicts are adjusted by Holm for all classes of all slices
    together. Where rows have no groups, each slice is compared with all other rows, by Fisher's exact
    test, one-sided: its accuracy, adjusted for all slices, and the recall of each class, adjusted for
    all classes of all slices. All allow for the looks of the report.
    """
    some = [_only(predictions, part.rows) for part in parts]
    judged = [
        Judged(
            class_counts(confusion_matrix(one.labels, one.predicted, len(classes))),
            clusters_of(one, len(classes)),
        )
        for one in some
    ]
    decided = verdicts_together(judged, classes, required, of.looks, of="slice")
    support, right = (
        np.stack([getattr(one.counts, name) for one in judged]) for name in ("support", "tp")
    )
    is_tested = predictions.groups is None and len(parts) > 1
    p = _p_lower(right.sum(axis=1), support.sum(axis=1), of.looks, is_tested=is_tested)
    p_of_classes = _p_lower(right, support, of.looks, is_tested=is_tested)
    slices = tuple(
        _slice(part, one, on, classes, of, verdicts, each)
        for part, one, on, verdicts, each in zip(parts, some, judged, decided, p, strict=True)
    )
    findings = [
        *_untested(column, parts, is_grouped=predictions.groups is not None),
        *_lower_accuracies(column, parts, right.sum(axis=1), support.sum(axis=1), p),
        *_lower_recalls(column, parts, classes, right, support, p_of_classes),
    ]
    return Slices(column, slices, tuple(findings))


def _only(predictions: Predictions, rows: Ints) -> Predictions:
    """The predictions of some rows; their loss, and the user's own metrics, are not known."""
    groups = predictions.groups
    return replace(
        predictions,
        labels=predictions.labels[rows],
        predicted=predictions.predicted[rows],
        probabilities=predictions.probabilities[rows],
        loss=float("nan"),
        weights=None,
        custom={},
        groups=None if groups is None else groups[rows],
    )


def _slice(
    part: SliceRows,
    predictions: Predictions,
    judged: Judged,
    classes: tuple[str, ...],
    of: Report,
    decided: Sequence[Verdict],
    p: float,
) -> Slice:
    report = make_report(
        predictions, classes, split=of.split, checkpoint=of.checkpoint, decided=decided
    )
    clusters = judged.clusters
    effective = None if clusters is None else np.array([clusters.accuracy])
    hits = judged.counts.tp.sum(keepdims=True)
    low, high = wilson(*as_effective(hits, np.array([report.n]), effective))[0].tolist()
    return Slice(
        value=part.value,
        is_missing=part.is_missing,
        n=report.n,
        accuracy=judged.counts.accuracy,
        accuracy_ci=(low, high),
        log_loss=report.log_loss,
        baseline=report.baseline,
        classes=report.classes,
        averages=report.averages,
        p_lower=number(p),
        bounds=part.bounds,
        groups=report.groups,
    )


def _p_lower(hits: Ints, rows: Ints, looks: int, *, is_tested: bool) -> Floats:
    """The p-value of each slice's share of hits being lower than that of all other rows; adjusted.

    `hits` and `rows` have shape (S,), or (S, K) of each class; so has the result. NaN: not tested, as
    where a slice has no row of a class, or all of them.
    """
    others = rows.sum(axis=0) - rows
    tested = np.nonzero((rows > 0) & (others > 0) & is_tested)
    p = np.full(rows.shape, np.nan)
    if len(tested[0]):
        misses = rows - hits
        all_rows, all_misses = (
            np.broadcast_to(each.sum(axis=0), rows.shape)[tested] for each in (rows, misses)
        )
        p[tested] = p_by_chance(misses[tested], all_misses, rows[tested], all_rows)
    return np.minimum(holm(p.ravel()) * looks, 1).reshape(rows.shape)


def _untested(column: str, parts: Sequence[SliceRows], *, is_grouped: bool) -> Iterator[Finding]:
    if len(parts) == 1:
        has = "no value" if parts[0].is_missing else f"the value '{parts[0].value}'"
        yield Finding(
            "one-slice", f"Every row has {has} in column '{column}': there is nothing to compare"
        )
    elif is_grouped:
        yield Finding(
            "slices-not-compared",
            "Rows come in groups, so whether a slice is worse than the others is not tested; its "
            "intervals and verdicts count groups",
        )


def _lower_accuracies(
    column: str, parts: Sequence[SliceRows], right: Ints, rows: Ints, p: Floats
) -> Iterator[Finding]:
    """The slices whose accuracy is shown to be lower, the surest first."""
    for s in _shown(p):
        yield Finding(
            "lower-accuracy",
            f"{_named(column, parts[s])}: {_only_hits(right[s])} of {rows[s]:,} rows are right "
            f"({right[s] / rows[s]:.3f}); of all other rows {_of_others(right, rows, s):.3f} are "
            f"({p_in_words(p[s])})",
        )


def _lower_recalls(
    column: str,
    parts: Sequence[SliceRows],
    classes: tuple[str, ...],
    right: Ints,
    rows: Ints,
    p: Floats,
) -> Iterator[Finding]:
    """The classes whose recall in a slice is shown to be lower, the surest first."""
    for at in _shown(p.ravel()):
        s, k = divmod(int(at), len(classes))
        yield Finding(
            "lower-recall",
            f"{_named(column, parts[s])}: {_only_hits(right[s, k])} of {rows[s, k]:,} rows of "
            f"{classes[k]} are found ({right[s, k] / rows[s, k]:.3f}); of its rows elsewhere "
            f"{_of_others(right[:, k], rows[:, k], s):.3f} are ({p_in_words(p[s, k])})",
            (classes[k],),
        )


def _named(column: str, part: SliceRows) -> str:
    return f"without {column}" if part.is_missing else f"{column} {part.value}"


def _shown(p: Floats) -> Ints:
    """The places of p-values at which something is shown, the smallest first."""
    order = np.argsort(p, kind="stable")
    shown: Ints = order[p[order] <= LEVEL]
    return shown


def _only_hits(hits: np.int64) -> str:
    return f"only {hits:,}" if hits else "none"


def _of_others(hits: Ints, rows: Ints, s: int) -> float:
    return float((hits.sum() - hits[s]) / (rows.sum() - rows[s]))
