"""What a sweep shows: how settings rank, which are not shown worse than the best, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.monitor import higher_is_better
from mtrain.records.sweep import SettingResult, SweptFigure
from mtrain.statistics.best import pairs_with_best
from mtrain.statistics.binomial import wilson
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
    by_loss = monitor in {"val_loss", "val_log_loss"} and is_plain
    return Ranking(monitor, higher_is_better(monitor, mode), by_loss)


@dataclass(frozen=True, eq=False)
class Rows:
    """What rows add to a figure of one member."""

    rows: Ints
    """Where each stands in the data, shape (N,)."""

    scores: Floats
    """1 for a right prediction and 0 for a wrong one, or minus its log loss; shape (N,)."""


def score_rows(predictions: Predictions, rows: Ints, *, by_loss: bool) -> Rows:
    """The scores of an evaluation's rows; probabilities are clipped as in the figure `log_loss`."""
    labels = predictions.labels
    if not by_loss or predictions.weights is not None:
        return Rows(rows, (predictions.predicted == labels).astype(np.float64))
    smallest = np.finfo(np.float32).eps
    true = predictions.probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Rows(rows, np.log(np.clip(true, smallest, 1 - smallest)))


def judge_settings(
    settings: Sequence[SettingResult],
    members: Mapping[str, MemberResult],
    validation: Mapping[str, Rows],
    ranking: Ranking,
) -> tuple[list[SettingResult], int | None]:
    """The settings with their `comparison` and `p`, and the place of the best; None: there is none.

    `validation` has the rows of each member that is finished and kept its predictions.
    """
    from dataclasses import replace

    sign = 1 if ranking.higher_is_better else -1
    ranked = [k for k, setting in enumerate(settings) if setting.value is not None]
    if ranking.by is None or not ranked:
        return list(settings), None
    best = max(ranked, key=lambda k: (sign * (settings[k].value or 0.0), -k))
    tables = {k: table for k in ranked if (table := _table(settings[k], members, validation))}
    judged = [replace(setting, comparison="not compared") for setting in settings]
    judged[best] = replace(judged[best], comparison="best")
    if best not in tables:
        return judged, best
    alike = [k for k in tables if _same_rows(tables[k], tables[best])]
    scores = np.stack([tables[k][1] for k in alike])
    of_best = pairs_with_best(scores, alike.index(best))
    for k, p in zip(alike, of_best, strict=True):
        if k != best and not math.isnan(p):
            comparison: Comparison = "worse" if p < LEVEL else "not shown worse"
            judged[k] = replace(judged[k], comparison=comparison, p=float(p))
    return judged, best


def accuracy_of_setting(
    members: Sequence[MemberResult], tested: Mapping[str, Rows], test_to_train: float
) -> SweptFigure | None:
    """The accuracy on test rows of a setting's finished members; None if there are none.

    `tested` has the rows of each member that kept its predictions, `test_to_train` the rows of a
    fold's test for each row of its training.
    """
    accuracies = [m.test.accuracy for m in members if m.test is not None]
    defined = np.array([math.nan if a is None else a for a in accuracies])
    if not len(defined):
        return None
    if _folds(members):
        return _over_folds(members, defined, test_to_train)
    if len(defined) == 1:
        test = members[0].test or next(m.test for m in members if m.test is not None)
        low, high = wilson(defined[0] * test.n, test.n)
        return SweptFigure(float(defined[0]), float(low), float(high))
    tables = [tested[m.member] for m in members if m.member in tested]
    if len(tables) < len(defined) or any(
        not np.array_equal(t.rows, tables[0].rows) for t in tables
    ):
        return SweptFigure(float(defined.mean()), training=float(defined.std(ddof=1)))
    table = np.stack([t.scores for t in tables])
    crossed = crossed_mean(table)
    low, high = crossed.interval()
    return SweptFigure(
        crossed.mean,
        max(low, 0.0),
        min(high, 1.0),
        training=math.sqrt(crossed.seeds),
        rows=math.sqrt(crossed.rows / table.shape[1]),
    )


def f1_of_setting(members: Sequence[MemberResult], test_to_train: float) -> SweptFigure | None:
    """Macro F1 on test rows, likewise; over seeds it has no interval."""
    tests = [member.test for member in members if member.test is not None]
    defined = np.array([math.nan if t.f1_macro is None else t.f1_macro for t in tests])
    if not len(defined) or np.isnan(defined).all():
        return None
    if _folds(members):
        return _over_folds(members, defined, test_to_train)
    training = float(np.nanstd(defined, ddof=1)) if len(defined) > 1 else None
    return SweptFigure(float(np.nanmean(defined)), training=training)


def _folds(members: Iterable[MemberResult]) -> bool:
    return any(member.fold is not None for member in members)


def _over_folds(
    members: Sequence[MemberResult], values: Floats, test_to_train: float
) -> SweptFigure:
    """The mean over folds, each the mean over its seeds."""
    finished = [member.fold for member in members if member.test is not None]
    by_fold = np.array(
        [values[[fold == one for one in finished]].mean() for fold in dict.fromkeys(finished)]
    )
    mean = folds_mean(by_fold, test_to_train)
    low, high = (None if math.isnan(limit) else limit for limit in (mean.low, mean.high))
    return SweptFigure(mean.mean, low, high)


def _table(
    setting: SettingResult, members: Mapping[str, MemberResult], validation: Mapping[str, Rows]
) -> tuple[Ints, Floats] | None:
    """Rows (N,), and the scores of each seed on them, (S, N); None if some were not kept.

    A row that several folds validate on has its mean score.
    """
    if any(name not in validation for name in setting.members):
        return None
    by_seed: dict[int | None, list[Rows]] = {}
    for name in setting.members:
        by_seed.setdefault(members[name].seed, []).append(validation[name])
    scores, rows = [], None
    for of_folds in by_seed.values():
        everywhere = np.concatenate([one.rows for one in of_folds])
        unique, places = np.unique(everywhere, return_inverse=True)
        sums = np.bincount(places, np.concatenate([one.scores for one in of_folds]))
        if rows is not None and not np.array_equal(rows, unique):
            return None
        rows = unique
        scores.append(sums / np.bincount(places))
    return None if rows is None else (rows, np.stack(scores))


def _same_rows(table: tuple[Ints, Floats], other: tuple[Ints, Floats]) -> bool:
    return np.array_equal(table[0], other[0]) and table[1].shape == other[1].shape
