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
    """Adjusted for the whole family and looks: of the decision, or, unproven, of the one that the
    shares seen point to. None without rows."""

    reason: str
    rows_needed: int | None
    """Rows of the class after which, at the shares seen, 80 % of evaluations would decide; None:
    it is decided, or no number of rows would do."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Rows whose classes are judged: a whole split, or a slice of it."""

    counts: ClassCounts
    clusters: Clusters | None = None
    """The rows by group; None: they have no groups."""


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
    return verdicts_together([Judged(counts, clusters)], names, required, looks)[0]


def verdicts_together(
    family: Sequence[Judged],
    names: Sequence[str],
    required: Sequence[Requirement],
    looks: int = 1,
    *,
    of: str = "split",
) -> list[list[Verdict]]:
    """The verdict on each class of each part of a `family`, adjusted for all classes of all parts.

    Everything else is as for `verdicts`; `of` is what reasons call a part.
    """
    parts = [_Tests(one, required) for one in family]
    present = np.stack([part.present for part in parts])
    learned, not_learned = (
        np.minimum(holm(np.where(present, np.minimum(p, 1), np.nan).ravel()) * looks, 1)
        for p in (
            np.stack([part.p_learned for part in parts]),
            np.stack([part.p_not_learned for part in parts]),
        )
    )
    # Rows are planned for the first step of Holm, the hardest.
    level = LEVEL / max(int(np.count_nonzero(present)), 1) / looks
    each = zip(
        parts, learned.reshape(present.shape), not_learned.reshape(present.shape), strict=True
    )
    return [part.verdicts(names, p, other, level, of) for part, p, other in each]


class _Tests:
    """All tests of all classes of one part; arrays of shape (K,), or (2, K) of recall and precision."""

    def __init__(self, of: Judged, required: Sequence[Requirement]) -> None:
        counts, clusters = of.counts, of.clusters
        self.counts = counts
        self.required = np.array([[one.recall, one.precision] for one in required]).T
        self.trials: Counts = np.array([counts.support, counts.predicted])
        self.shares = np.stack([counts.recall, counts.precision])
        self.present: Truths = counts.support > 0
        effective = None if clusters is None else np.stack([clusters.recall, clusters.precision])
        hits, trials = as_effective(counts.tp, self.trials, effective)
        reached = p_at_least(hits, trials, self.required)
        reached = np.where(self.required > 0, reached, 0.0).max(axis=0)
        missed = p_at_most(hits, trials, self.required).min(axis=0)
        by_chance = _by_chance(counts, clusters)
        self.rows_each = ratio(self.trials, np.where(trials > 0, trials, 1.0))
        """Rows for one effective row."""
        self.p_learned: Floats = np.maximum(reached, by_chance)
        self.p_not_learned: Floats = 2 * missed
        self.is_least_by_chance = by_chance > reached
        self.below = self.shares < self.required

    def verdicts(
        self, names: Sequence[str], learned: Floats, not_learned: Floats, level: float, of: str
    ) -> list[Verdict]:
        """From adjusted p-values, (K,); rows are planned for a test at `level`."""
        rows_needed = self._rows_needed(level)
        return [
            self._verdict(k, name, float(learned[k]), float(not_learned[k]), rows_needed[k])
            if self.present[k]
            else Verdict("unproven", None, f"no row of this class in the {of}", None)
            for k, name in enumerate(names)
        ]

    def _verdict(
        self, k: int, name: str, learned: float, not_learned: float, needed: float
    ) -> Verdict:
        is_by_chance = bool(self.is_least_by_chance[k]) and learned > LEVEL
        reason = self._reason(k, name, is_by_chance=is_by_chance)
        if not_learned <= LEVEL:
            return Verdict("not learned", not_learned, reason, None)
        if learned <= LEVEL:
            return Verdict("learned", learned, reason, None)
        return Verdict(
            "unproven",
            not_learned if self.below[:, k].any() else learned,
            reason,
            None if np.isnan(needed) else max(int(needed), int(self.counts.support[k]) + 1),
        )

    def _reason(self, k: int, name: str, *, is_by_chance: bool) -> str:
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
        return f"{reason}; not shown to be better than chance" if is_by_chance else reason

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
