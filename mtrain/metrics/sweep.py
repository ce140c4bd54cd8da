"""What a sweep shows: how settings rank, which are not shown worse than the best, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.monitor import higher_is_better
from mtrain.records.sweep import SettingResult, SweptFigure
from mtrain.statistics.best import pairs_with_best
from mtrain.statistics.binomial import wilson
from mtrain.statistics.clusters import as_effective, cluster
from mtrain.statistics.crossed import crossed_mean
from mtrain.statistics.folds import folds_mean
from mtrain.statistics.multiple import LEVEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mtrain.config.experiment.schema import Config
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.sweep import Comparison, MemberResult
    from mtrain.records.training import Predictions

CROSS_ENTROPIES = ("auto", "categorical_crossentropy", "binary_crossentropy")


@dataclass(frozen=True)
class Ranking:
    """By what settings are ranked."""

    by: str | None
    """A scalar of the history; None: there is no validation."""

    higher_is_better: bool = False
    by_loss: bool = False
    """Whether rows are compared by their log loss, not by being right or wrong."""

    note: str | None = None

    @property
    def compared_by(self) -> str | None:
        """What is compared row by row, in words."""
        if self.by is None:
            return None
        return "log loss" if self.by_loss else "right and wrong predictions"


def choose_ranking(configs: Sequence[Config]) -> Ranking:
    """By the figure that chooses each member's best epoch, if it is one and means the same in all.

    A loss does not where penalties or the loss itself differ.
    """
    if any(config.dataset.validation is None for config in configs):
        note = "dataset.validation is null, so no setting is called the best"
        return Ranking(None, note=note)
    first = configs[0]
    losses = {
        f"{c.loss!r}{getattr(c.model, 'l2', 0)},{getattr(c.model, 'activity', 0)}" for c in configs
    }
    monitors = {(config.save_best, config.save_best_mode) for config in configs}
    monitor, mode = first.save_best, first.save_best_mode
    if len(monitors) > 1 or monitor is None or not monitor.startswith("val_"):
        why = "members choose their best epoch by different figures, or by none of validation"
        return Ranking("val_accuracy", higher_is_better=True, note=f"{why}: ranked by val_accuracy")
    if monitor == "val_loss" and len(losses) > 1:
        why = "losses and penalties differ, so val_loss does not compare settings"
        return Ranking("val_accuracy", higher_is_better=True, note=f"{why}: ranked by val_accuracy")
    is_plain = first.loss.name in CROSS_ENTROPIES and not getattr(first.loss, "label_smoothing", 0)
    is_weighted = any(getattr(config.dataset, "weights", None) for config in configs)
    by_loss = monitor in {"val_loss", "val_log_loss"} and is_plain and not is_weighted
    return Ranking(monitor, higher_is_better(monitor, mode), by_loss)


@dataclass(frozen=True, eq=False)
class Rows:
    """What rows add to a figure of one member."""

    rows: Ints
    """Where each stands in the data, shape (N,)."""

    scores: Floats
    """1 for a right prediction and 0 for a wrong one, or minus its log loss; shape (N,)."""

    groups: Ints | None = None
    """The number of each row's group, shape (N,); None: rows have no groups."""


def score_rows(predictions: Predictions, rows: Ints, *, by_loss: bool) -> Rows:
    """The scores of an evaluation's rows; probabilities are clipped as in the figure `log_loss`."""
    labels = predictions.labels
    if not by_loss:
        return Rows(rows, (predictions.predicted == labels).astype(np.float64), predictions.groups)
    smallest = np.finfo(np.float32).eps
    true = predictions.probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Rows(rows, np.log(np.clip(true, smallest, 1 - smallest)), predictions.groups)


def judge_settings(
    settings: Sequence[SettingResult],
    members: Mapping[str, MemberResult],
    validation: Mapping[str, Rows],
    ranking: Ranking,
) -> tuple[list[SettingResult], int | None]:
    """The settings with their `comparison` and `p`, and the place of the best, if there is one.

    `validation` has the rows of each member that is finished and kept its predictions.
    """
    sign = 1 if ranking.higher_is_better else -1
    ranked = [k for k, setting in enumerate(settings) if setting.value is not None]
    if ranking.by is None or not ranked:
        return list(settings), None
    best = max(ranked, key=lambda k: (sign * (settings[k].value or 0.0), -k))
    tables = {
        k: table
        for k in ranked
        if (table := _table(settings[k].members, members, validation)) is not None
    }
    judged = [replace(setting, comparison="not compared") for setting in settings]
    judged[best] = replace(judged[best], comparison="best")
    if best not in tables:
        return judged, best
    alike = [k for k in tables if _same_rows(tables[k], tables[best])]
    scores = np.stack([tables[k].scores for k in alike])
    of_best = pairs_with_best(scores, alike.index(best), tables[best].groups)
    for k, p in zip(alike, of_best, strict=True):
        if k != best and not math.isnan(p):
            # By its rows it may even be better, where the ranking is by another figure.
            is_lower = tables[k].scores.mean() < tables[best].scores.mean()
            comparison: Comparison = "worse" if p < LEVEL and is_lower else "not shown worse"
            judged[k] = replace(judged[k], comparison=comparison, p=float(p))
    return judged, best


def accuracy_of_setting(
    members: Sequence[MemberResult], tested: Mapping[str, Rows]
) -> SweptFigure | None:
    """The accuracy on test rows of a setting's finished members; None if there are none.

    `tested` has the rows of each member that kept its predictions.
    """
    finished = [member for member in members if member.test is not None]
    defined = np.array([_or_nan(m.test.accuracy) for m in finished if m.test is not None])
    if not len(defined):
        return None
    if _has_folds(members):
        return _over_folds(finished, defined)
    table = _table([member.member for member in finished], _by_name(finished), tested)
    if table is None:  # the predictions were not kept
        spread = float(defined.std(ddof=1)) if len(defined) > 1 else None
        return SweptFigure(float(defined.mean()), training=spread)
    if len(finished) == 1:
        return _of_one(table)
    scores = table.scores if table.groups is None else _by_group(table.scores, table.groups)
    if scores.shape[1] < 2:
        return SweptFigure(float(defined.mean()), training=float(defined.std(ddof=1)))
    crossed = crossed_mean(scores)
    low, high = crossed.interval()
    if not crossed.variance:  # all are right, say, which is no certainty
        alone = _of_one(table)
        low, high = alone.low or 0.0, 1.0 if alone.high is None else alone.high
    return SweptFigure(
        crossed.mean,
        max(low, 0.0),
        min(high, 1.0),
        training=math.sqrt(crossed.seeds),
        rows=math.sqrt(crossed.rows / scores.shape[1]),
    )


def _of_one(table: _Table) -> SweptFigure:
    """Accuracy with Wilson's interval, of as many rows as groups leave."""
    right = table.scores[0]
    effective = None
    if table.groups is not None:
        wrong = (1 - right).astype(np.int64)
        effective = np.array(cluster(np.zeros_like(wrong), wrong, table.groups, 2).accuracy)
    hits, trials = as_effective(np.array(right.sum()), np.array(len(right)), effective)
    low, high = wilson(hits, trials)
    return SweptFigure(float(right.mean()), float(low), float(high))


def _by_group(scores: Floats, groups: Ints) -> Floats:
    """What each group adds to the mean, (S, G), with the same mean: linearised, as sizes differ."""
    unique, number = np.unique(groups, return_inverse=True)
    mean = scores.mean()
    sums = np.stack([np.bincount(number, row - mean) for row in scores])
    added: Floats = mean + sums * (len(unique) / scores.shape[1])
    return added


def f1_of_setting(members: Sequence[MemberResult]) -> SweptFigure | None:
    """Macro F1 on test rows, likewise; it has an interval over folds alone."""
    finished = [member for member in members if member.test is not None]
    defined = np.array([_or_nan(m.test.f1_macro) for m in finished if m.test is not None])
    if not len(defined) or np.isnan(defined).all():
        return None
    if _has_folds(members):
        return _over_folds(finished, defined)
    training = float(np.nanstd(defined, ddof=1)) if len(defined) > 1 else None
    return SweptFigure(float(np.nanmean(defined)), training=training)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _by_name(members: Iterable[MemberResult]) -> dict[str, MemberResult]:
    return {member.member: member for member in members}


def _has_folds(members: Iterable[MemberResult]) -> bool:
    return any(member.fold is not None for member in members)


def _over_folds(finished: Sequence[MemberResult], values: Floats) -> SweptFigure:
    """The mean over folds, each the mean over its seeds."""
    folds = [member.fold for member in finished]
    by_fold = np.array(
        [values[[fold == one for one in folds]].mean() for fold in dict.fromkeys(folds)]
    )
    ratios = [one.test.n / one.trained_on for one in finished if one.test and one.trained_on]
    if len(ratios) < len(finished):
        return SweptFigure(float(np.nanmean(by_fold)))
    mean = folds_mean(by_fold, sum(ratios) / len(ratios))
    low, high = (
        None if math.isnan(limit) else min(max(limit, 0.0), 1.0) for limit in (mean.low, mean.high)
    )
    return SweptFigure(mean.mean, low, high)


@dataclass(frozen=True, eq=False)
class _Table:
    """The scores of a setting: S seeds on N rows."""

    rows: Ints
    """Where each stands in the data, ascending, shape (N,)."""

    scores: Floats
    """Shape (S, N)."""

    groups: Ints | None
    """Shape (N,)."""


def _table(
    names: Iterable[str], members: Mapping[str, MemberResult], of_member: Mapping[str, Rows]
) -> _Table | None:
    """The scores of these members; None if some were not kept, or are of other rows.

    A row that several folds score has its mean score.
    """
    by_seed: dict[int | None, list[Rows]] = {}
    for name in names:
        if name not in of_member:
            return None
        by_seed.setdefault(members[name].seed, []).append(of_member[name])
    scores: list[Floats] = []
    table: _Table | None = None
    for of_folds in by_seed.values():
        everywhere = np.concatenate([one.rows for one in of_folds])
        rows, first, places = np.unique(everywhere, return_index=True, return_inverse=True)
        sums = np.bincount(places, np.concatenate([one.scores for one in of_folds]))
        scores.append(sums / np.bincount(places))
        known = [one.groups for one in of_folds if one.groups is not None]
        groups = np.concatenate(known)[first] if len(known) == len(of_folds) else None
        if table is not None and not np.array_equal(table.rows, rows):
            return None
        table = _Table(rows, np.stack(scores), groups)
    return table


def _same_rows(table: _Table, other: _Table) -> bool:
    return np.array_equal(table.rows, other.rows) and table.scores.shape == other.scores.shape
