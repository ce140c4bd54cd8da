"""Rules judged by an evaluation: shown to hold, shown not to, or neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.gates import BASELINE, BY_CLASS
from mtrain.metrics.calibration import reliability
from mtrain.metrics.counts import averages, class_counts, clusters_of
from mtrain.metrics.undefined import number
from mtrain.records.gate import RuleResult
from mtrain.statistics.averages import f1_of_share, macro_share, share_of_f1
from mtrain.statistics.binomial import POWER, p_at_least, p_at_most, trials_to_show
from mtrain.statistics.multiple import LEVEL, holm
from mtrain.statistics.paired import accuracy_difference, class_differences, macro_difference
from mtrain.statistics.pairs import Pairs, pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtrain.config.experiment.gates import Rule
    from mtrain.records.arrays import Floats
    from mtrain.records.gate import Outcome
    from mtrain.records.report import Report
    from mtrain.statistics.clusters import Clusters
    from mtrain.statistics.differences import Differences


NOT_KEPT = "the predictions were not kept"

MOST_ROWS = 1e12
"""More rows are not worth naming."""


def judge(report: Report, rules: Sequence[Rule], others: Mapping[str, Pairs]) -> list[RuleResult]:
    """What an evaluation shows of each rule at 5 %, adjusted by Holm for all rules.

    By exact binomial tests of shares and F1; of macro averages, by those of their effective number of
    rows; of a difference from another classifier, by inverting its interval.

    A rule about every class holds if it is shown of each, and its contrary if it is shown of one,
    by Bonferroni over the classes. `others` has the rows by true class, the other's prediction and the run's, for
    each that rules name and that there is. A rule about calibration needs the report's predictions, and so do groups of rows,
    which are then counted in place of rows.
    """
    clusters = _clusters(report)
    shown = [_evidence(report, rule, others, clusters) for rule in rules]
    passing = holm(np.minimum([one.p_pass * report.looks for one in shown], 1))
    failing = holm(np.minimum([one.p_fail * report.looks for one in shown], 1))
    return [
        _result(report, rule, one, float(p_pass), float(p_fail), LEVEL / len(rules) / report.looks)
        for rule, one, p_pass, p_fail in zip(rules, shown, passing, failing, strict=True)
    ]


def majority_pairs(report: Report) -> Pairs:
    """The rows, with the most frequent class as the baseline's prediction of each."""
    confusion = report.confusion_matrix
    most_frequent = int(confusion.sum(axis=1).argmax())
    if (clusters := _clusters(report)) is not None:
        always = np.full(len(clusters.n), most_frequent)
        rows = clusters.truth, always, clusters.predicted, clusters.n
        return Pairs(*rows, len(confusion), clusters.group)
    truth, predicted = np.nonzero(confusion)
    always = np.full(len(truth), most_frequent)
    return Pairs(truth, always, predicted, confusion[truth, predicted], len(confusion))


def rival_pairs(report: Report) -> dict[str, Pairs]:
    """The rows with what each rival predicts of them, if that was kept."""
    if (own := report.predictions) is None:
        return {}
    return {
        name: pair(own.labels, predicted, own.predicted, len(report.classes), own.groups)
        for name, predicted in own.rivals.items()
    }


def _clusters(report: Report) -> Clusters | None:
    """The rows by group, from the report's predictions; None: rows have no groups."""
    if report.predictions is None:
        return None
    return clusters_of(report.predictions, len(report.classes))


@dataclass(frozen=True)
class _Evidence:
    """What an evaluation shows of a rule: of its class that decides, where it is about several."""

    p_pass: float
    p_fail: float
    value: float
    limit: float
    reason: str
    class_id: int | None = None
    share: float = float("nan")
    """The value as a share of `trials`, and the limit as one."""

    share_limit: float = float("nan")
    trials: float = float("nan")
    z: float = float("nan")
    """Or its distance from the limit, in its standard deviations."""

    tests: int = 1
    """Classes of which one is enough to fail."""

    def rows_needed(self, rows: int, level: float) -> int | None:
        """Rows of the split after which it would be decided, with what was seen; None: never."""
        from scipy.special import ndtri

        if self.p_fail < self.p_pass:
            level /= self.tests
        if np.isfinite(self.z):
            # Within the rounding of the limit no number of rows would decide.
            needed = (
                rows * ((ndtri(POWER) - ndtri(level)) / self.z) ** 2 if self.z > 1e-6 else np.nan
            )
        else:
            trials = float(trials_to_show(self.share_limit, self.share, level))
            needed = rows * trials / self.trials if self.trials else np.nan
        return max(int(np.ceil(needed)), rows + 1) if needed < MOST_ROWS else None


def _evidence(
    report: Report, rule: Rule, others: Mapping[str, Pairs], clusters: Clusters | None
) -> _Evidence:
    if rule.figure == "calibration_error":
        return _of_calibration(report, rule)
    if report.groups is not None and clusters is None:
        return _Evidence(1.0, 1.0, np.nan, rule.limit, NOT_KEPT)
    if rule.than is not None:
        return _of_other(report, rule, rule.than, others.get(rule.than))
    if rule.figure == "accuracy":
        right = int(report.confusion_matrix.trace())
        hits, trials = _effective(right, report.n, None if clusters is None else clusters.accuracy)
        return _of_share(rule, hits, trials, rule.limit, f"{right:,} of {report.n:,} right")
    if rule.figure.endswith("_macro"):
        return _of_macro(report, rule, clusters)
    return _of_classes(report, rule, clusters)


def _effective(hits: int, trials: int, rows: float | None) -> tuple[float, float]:
    """Hits and trials with the same share, of so many effective rows; None: as they are."""
    return (hits, trials) if rows is None or not trials else (hits / trials * rows, rows)


def _of_macro(report: Report, rule: Rule, clusters: Clusters | None) -> _Evidence:
    figure = rule.figure.removesuffix("_macro")
    for one in report.classes if figure == "precision" else ():
        if one.support and not one.predicted:
            reason = f"{one.name} is never predicted, so the average would leave it out"
            return _Evidence(1.0, 1.0, np.nan, rule.limit, reason)
    share = macro_share(report.confusion_matrix, figure, clusters)
    reason = f"as exact as a share of {share.trials:,.0f} rows"
    counts = class_counts(report.confusion_matrix)
    counted = averages(getattr(counts, figure), counts.support, micro=np.nan)["macro"]
    if abs(counted - share.value) >= 0.0005:
        reason = f"{share.value:.3f} without the bias of few rows a class, {reason}"
    shown = _of_share(rule, share.hits, share.trials, rule.limit, reason)
    return replace(shown, value=counted)


def _of_classes(report: Report, rule: Rule, clusters: Clusters | None) -> _Evidence:
    counts = class_counts(report.confusion_matrix)
    hits = counts.tp
    trials, limit = {
        "recall": (counts.support, rule.limit),
        "precision": (counts.predicted, rule.limit),
        "f1": (counts.tp + counts.fp + counts.fn, share_of_f1(rule.limit)),
    }[rule.figure]
    words = {
        "recall": "{0:,} of {1:,} found",
        "precision": "of {1:,} called so, {0:,} are",
        "f1": "{0:,} found, {2:,} missed or called so wrongly",
    }[rule.figure]
    each = []
    for k in _classes(report, rule):
        n_hits, n = int(hits[k]), int(trials[k])
        reason = words.format(n_hits, n, n - n_hits)
        if not n:
            reason = "never predicted" if rule.figure == "precision" else "no row of this class"
        rows = None if clusters is None else float(getattr(clusters, rule.figure)[k])
        each.append(_of_share(rule, *_effective(n_hits, n, rows), limit, reason, k))
    return _all_of(each)


def _of_share(
    rule: Rule, hits: float, trials: float, limit: float, reason: str, k: int | None = None
) -> _Evidence:
    """Of `hits` of `trials`, and a limit of their share; that of F1 is written as F1."""
    above, below = float(p_at_least(hits, trials, limit)), float(p_at_most(hits, trials, limit))
    p_pass, p_fail = (above, below) if rule.at_least else (below, above)
    share = hits / trials if trials else float("nan")
    value = float(f1_of_share(np.array(share))) if rule.figure == "f1" else share
    return _Evidence(p_pass, p_fail, value, rule.limit, reason, k, share, limit, trials)


def _why_none(report: Report, than: str) -> str:
    problems = [one.problem for one in report.rivals or () if one.name == than and one.problem]
    return ": ".join([f"there is no {than} on these rows", *problems])


def _of_other(report: Report, rule: Rule, than: str, pairs: Pairs | None) -> _Evidence:
    """By inverting the interval of the difference: the level at which it just excludes the limit."""
    name = "the baseline" if than == BASELINE else than
    if pairs is None:
        return _Evidence(1.0, 1.0, np.nan, np.nan, _why_none(report, than))
    if rule.figure == "accuracy":
        differences = accuracy_difference(pairs)
    elif rule.figure.endswith("_macro"):
        differences = macro_difference(pairs, rule.figure.removesuffix("_macro"))
    else:
        differences = class_differences(pairs, rule.figure)
    first, second, p = map(np.ravel, (differences.first, differences.second, differences.p))
    p_above, p_below, z = _p_of_limit(differences, rule.limit)
    p_pass, p_fail = (p_above, p_below) if rule.at_least else (p_below, p_above)
    each = []
    for k in _classes(report, rule) if rule.figure in BY_CLASS else [0]:
        defined = not np.isnan(p[k])
        each.append(
            _Evidence(
                float(p_pass[k]) if defined else 1.0,
                float(p_fail[k]) if defined else 1.0,
                float(second[k]),
                float(first[k]) + rule.limit,
                f"{name}'s is {first[k]:.3f}"
                if defined
                else "one of the two never predicts a class",
                k if rule.figure in BY_CLASS else None,
                z=float(z[k]) if defined else 0.0,
            )
        )
    return _all_of(each)


def _p_of_limit(of: Differences, limit: float) -> tuple[Floats, Floats, Floats]:
    """One-sided p-values of differences above and below `limit`, and the distance in deviations."""
    from scipy.special import ndtr

    difference = np.ravel(of.difference)
    low, high = np.zeros(len(difference)), np.full(len(difference), 40.0)
    is_above = difference > limit
    for _ in range(60):
        z = (low + high) / 2
        bounds = of.bounds(z).reshape(-1, 2)
        excluded = np.where(is_above, bounds[:, 0] > limit, bounds[:, 1] < limit)
        low, high = np.where(excluded, z, low), np.where(excluded, high, z)
    tail = ndtr(-low)
    return np.where(is_above, tail, 1 - tail), np.where(is_above, 1 - tail, tail), low


def _of_calibration(report: Report, rule: Rule) -> _Evidence:
    from scipy.special import ndtri

    if (predictions := report.predictions) is None:
        return _Evidence(1.0, 1.0, np.nan, rule.limit, NOT_KEPT)
    if (bins := reliability(predictions)) is None:
        return _Evidence(1.0, 1.0, np.nan, rule.limit, "no rows")
    smaller, larger = bins.p_values(rule.limit)
    p_pass, p_fail = (larger, smaller) if rule.at_least else (smaller, larger)
    n_bins = len(bins.rows)
    reason = f"{n_bins} {'bin' if n_bins == 1 else 'bins'} of {report.n:,} rows"
    z = max(float(-ndtri(min(smaller, larger))), 0.0)
    return _Evidence(p_pass, p_fail, bins.error, rule.limit, reason, z=z)


def _classes(report: Report, rule: Rule) -> list[int]:
    return [one.id for one in report.classes if rule.class_name in {None, one.name}]


def _all_of(each: list[_Evidence]) -> _Evidence:
    """Of a rule about several classes: the class that fails most clearly, or passes least."""
    failing = min(each, key=lambda one: one.p_fail)
    p_fail = min(1.0, len(each) * failing.p_fail)
    decides = failing if p_fail <= LEVEL else max(each, key=lambda one: one.p_pass)
    p_pass = max(one.p_pass for one in each)
    return replace(decides, p_pass=p_pass, p_fail=p_fail, tests=len(each))


def _result(
    report: Report, rule: Rule, of: _Evidence, p_pass: float, p_fail: float, level: float
) -> RuleResult:
    outcome: Outcome = "inconclusive"
    if p_fail <= LEVEL:
        outcome = "failed"
    elif p_pass <= LEVEL:
        outcome = "passed"
    is_defined = not np.isnan(of.value)
    return RuleResult(
        rule=rule.text,
        outcome=outcome,
        value=number(of.value),
        limit=number(of.limit),
        class_name=None if of.class_id is None else report.classes[of.class_id].name,
        p_pass=p_pass if is_defined else None,
        p_fail=p_fail if is_defined else None,
        reason=of.reason,
        rows_needed=(
            of.rows_needed(report.n, level) if outcome == "inconclusive" and is_defined else None
        ),
    )
