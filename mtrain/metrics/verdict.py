"""The verdict on each class: learned, not learned, or neither is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.counts import ratio
from mtrain.statistics.binomial import (
    p_at_least,
    p_at_most,
    p_by_chance,
    rows_to_differ,
    trials_to_show,
)
from mtrain.statistics.clusters import as_effective
from mtrain.statistics.multiple import LEVEL, holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.metrics.counts import ClassCounts
    from mtrain.metrics.scores import Truths
    from mtrain.records.arrays import Counts, Floats
    from mtrain.records.report import Decision
    from mtrain.records.requirement import Requirement
    from mtrain.statistics.clusters import Clusters


@dataclass(frozen=True)
class Verdict:
    """The decision on a class, and what it rests on."""

    verdict: Decision
    p: float | None
    """Adjusted for all classes and looks: of the decision, or, unproven, of the one that the shares
    seen point to. None without rows."""

    reason: str
    rows_needed: int | None
    """Rows of the class after which, at the shares seen, 80 % of evaluations would decide; None:
    it is decided, or no number of rows would do."""


def verdicts(
    counts: ClassCounts,
    names: Sequence[str],
    required: Sequence[Requirement],
    looks: int = 1,
    clusters: Clusters | None = None,
) -> list[Verdict]:
    """The verdict on each class, from the counts of a whole split.

    *Learned*: its recall and its precision are shown to be at least those required, and its
    predictions to be better than chance, by exact one-sided tests at 5 % (an intersection-union
    test: R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling", Technometrics
    24, 1982). *Not learned*: one of the two is shown to be below, at twice the smaller p-value.
    Both are adjusted by Holm for the classes present, and by Bonferroni for `looks`, the epochs of
    which the checkpoint was the best on these rows. Of rows in `clusters`, the effective numbers are
    tested.
    """
    tests = _Tests(counts, required, looks, clusters)
    return [tests.verdict(k, name) for k, name in enumerate(names)]


class _Tests:
    """All tests of all classes at once; arrays of shape (K,), or (2, K) of recall and precision."""

    def __init__(
        self,
        counts: ClassCounts,
        required: Sequence[Requirement],
        looks: int,
        clusters: Clusters | None,
    ) -> None:
        self.counts = counts
        self.required = np.array([[one.recall, one.precision] for one in required]).T
        self.trials: Counts = np.array([counts.support, counts.predicted])
        self.shares = np.stack([counts.recall, counts.precision])
        present = counts.support > 0
        effective = None if clusters is None else np.stack([clusters.recall, clusters.precision])
        hits, trials = as_effective(counts.tp, self.trials, effective)
        reached = p_at_least(hits, trials, self.required)
        reached = np.where(self.required > 0, reached, 0.0).max(axis=0)
        missed = p_at_most(hits, trials, self.required).min(axis=0)
        by_chance = _by_chance(counts, clusters)
        self.rows_each = ratio(self.trials, np.where(trials > 0, trials, 1.0))
        """Rows for one effective row."""
        self.learned = _adjusted(np.maximum(reached, by_chance), present, looks)
        self.not_learned = _adjusted(2 * missed, present, looks)
        self.is_by_chance = (by_chance > reached) & (self.learned > LEVEL)
        self.below = self.shares < self.required
        self.rows_needed = self._rows_needed(LEVEL / max(int(present.sum()), 1) / looks)

    def verdict(self, k: int, name: str) -> Verdict:
        if not self.counts.support[k]:
            return Verdict("unproven", None, "no row of this class in the split", None)
        learned, not_learned = float(self.learned[k]), float(self.not_learned[k])
        reason = self._reason(k, name)
        if not_learned <= LEVEL:
            return Verdict("not learned", not_learned, reason, None)
        if learned <= LEVEL:
            return Verdict("learned", learned, reason, None)
        needed = self.rows_needed[k]
        return Verdict(
            "unproven",
            not_learned if self.below[:, k].any() else learned,
            reason,
            None if np.isnan(needed) else max(int(needed), int(self.counts.support[k]) + 1),
        )

    def _reason(self, k: int, name: str) -> str:
        """What was counted, and which requirement the counts do not meet."""
        support, predicted = (int(n) for n in self.trials[:, k])
        recall, precision = (
            f" ({f'{share:.3f}; ' if share else ''}{required:g} was required)"
            if share < required
            else ""
            for share, required in zip(self.shares[:, k], self.required[:, k], strict=True)
        )
        hits = f"{self.counts.tp[k]:,}" if self.counts.tp[k] else "none"
        found = f"{hits} of {support:,} found{recall}"
        if not predicted:
            return f"{found}: never predicted"
        only = "only " if precision and self.counts.tp[k] else ""
        link = "but" if precision and not recall else "and"
        are = "is" if hits == "1" else "are"
        reason = f"{found}, {link} of {predicted:,} called {name}, {only}{hits} {are}{precision}"
        return f"{reason}; not shown to be better than chance" if self.is_by_chance[k] else reason

    def _rows_needed(self, level: float) -> Floats:
        """Rows of each class until it is decided, with the shares seen; NaN: never."""
        counts = self.counts
        rows_of = np.stack(
            [np.ones_like(counts.recall), ratio(counts.support, np.maximum(counts.predicted, 1))]
        )
        rows_of *= np.where(self.trials > 0, self.rows_each, 1.0)
        missed = trials_to_show(self.required, self.shares, level / 2) * rows_of
        reached = trials_to_show(self.required, self.shares, level) * rows_of
        reached = np.where(self.required > 0, reached, 0.0)
        others = ratio(counts.fp + counts.tn, np.maximum(counts.support, 1))
        beyond_chance = rows_to_differ(counts.recall, counts.fpr, others, level)
        rows: Floats = np.where(
            self.below.any(axis=0),
            np.fmin.reduce(np.where(self.below, missed, np.nan)),
            np.maximum(reached.max(axis=0), beyond_chance),
        )
        return np.ceil(rows)


def _by_chance(counts: ClassCounts, clusters: Clusters | None) -> Floats:
    """The p-value of so many hits by chance; of effective rows, rounded so that hits are fewer."""
    rows = int(counts.support.sum())
    if clusters is None:
        return p_by_chance(counts.tp, counts.support, counts.predicted, rows)
    share = clusters.by_chance
    support, predicted, all_rows = (
        np.floor(share * each + (0.5 + 1e-9)).astype(np.int64)  # halves up, whatever their last bit
        for each in (counts.support, counts.predicted, rows)
    )
    all_rows = np.maximum(all_rows, np.maximum(support, predicted)).clip(1)
    hits = np.floor(share * counts.tp + 1e-9).astype(np.int64)
    hits = np.clip(hits, support + predicted - all_rows, np.minimum(support, predicted))
    return p_by_chance(hits, support, predicted, all_rows)


def _adjusted(p: Floats, present: Truths, looks: int) -> Floats:
    return np.minimum(holm(np.where(present, np.minimum(p, 1), np.nan)) * looks, 1)
