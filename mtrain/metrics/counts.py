"""Counts of a whole split, and every ratio of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from mtrain.statistics.clusters import cluster

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mtrain.records.arrays import Counts, Floats, Ints
    from mtrain.records.training import Predictions
    from mtrain.statistics.clusters import Clusters


@dataclass(frozen=True, eq=False)
class ClassCounts:
    """Rows per class, each of shape (K,): hits, false alarms, misses, right rejections.

    Exact, int64; of weighted rows the sums of their weights, float64. Counts of disjoint batches
    add up to the counts of their union; ratios do not. A ratio 0/0 is undefined: NaN, as with
    scikit-learn's `zero_division=nan`.
    """

    tp: Counts
    fp: Counts
    fn: Counts
    tn: Counts

    @property
    def support(self) -> Counts:
        """Rows that truly are k; shape (K,)."""
        return self.tp + self.fn

    @property
    def predicted(self) -> Counts:
        """Rows predicted k; shape (K,)."""
        return self.tp + self.fp

    @property
    def true_positives(self) -> Counts:
        """Rows of class k that were predicted k; shape (K,)."""
        return self.tp

    @property
    def precision(self) -> Floats:
        """Share of the rows predicted k that truly are k; shape (K,), in [0, 1].

        tp / (tp + fp): Manning, Raghavan and Schütze, "Introduction to Information Retrieval"
        (2008), 8.3. NaN for a class that was never predicted.
        """
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Floats:
        """Share of the rows of class k that were predicted k; shape (K,), in [0, 1].

        tp / (tp + fn), also called sensitivity and true positive rate: ibid. NaN for a class
        that is absent.
        """
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall; shape (K,), in [0, 1].

        2tp / (2tp + fp + fn): ibid. 0 for a class that is present but never predicted, NaN for
        one that is neither.
        """
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def specificity(self) -> Floats:
        """Share of the rows of other classes that were not predicted k; shape (K,), in [0, 1].

        tn / (tn + fp), the true negative rate: ibid., 8.4. NaN if there is no other class.
        """
        return ratio(self.tn, self.tn + self.fp)

    @property
    def fpr(self) -> Floats:
        """Share of the rows of other classes that were predicted k; shape (K,), in [0, 1].

        fp / (tn + fp) = 1 - specificity: ibid., 8.4. NaN if there is no other class.
        """
        return ratio(self.fp, self.tn + self.fp)

    @property
    def accuracy(self) -> float:
        """Share of all rows whose class was predicted, in [0, 1]; NaN without rows."""
        return float(ratio(self.tp.sum(), self.support.sum()))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that are present, in [0, 1]; NaN without rows.

        Guessing one class scores 1 / K, however many rows it has: Brodersen et al., "The balanced
        accuracy and its posterior distribution", ICPR 2010.
        """
        return _mean(self.recall, np.ones(self.tp.shape))

    @property
    def mcc(self) -> float:
        """Matthews correlation coefficient of true and predicted classes, in [-1, 1].

        Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient",
        Computational Biology and Chemistry 28 (2004). 0 where only one class is present, or only
        one predicted, by convention.
        """
        true, predicted, rows = self._margins()
        right = float(self.tp.sum())
        spread = np.sqrt(rows**2 - true @ true) * np.sqrt(rows**2 - predicted @ predicted)
        return float((right * rows - true @ predicted) / spread) if spread else 0.0

    @property
    def cohen_kappa(self) -> float:
        """Accuracy beyond that of chance, given how often each class is predicted; in [-1, 1].

        Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
        Measurement 20 (1960). NaN if all rows are of one class, and all are predicted as that
        class.
        """
        true, predicted, rows = self._margins()
        chance = true @ predicted
        return float(ratio(self.tp.sum() * rows - chance, rows**2 - chance))

    def pooled(self) -> ClassCounts:
        """All classes' counts added up, shape (1,): their ratios are the micro averages."""
        return ClassCounts(*(counts.sum(keepdims=True) for counts in self._all))

    def _margins(self) -> tuple[Floats, Floats, float]:
        """Rows truly of each class, rows predicted, and all: as floats, whose products fit."""
        true, predicted = self.support.astype(np.float64), self.predicted.astype(np.float64)
        return true, predicted, float(true.sum())

    @property
    def _all(self) -> tuple[Counts, Counts, Counts, Counts]:
        return self.tp, self.fp, self.fn, self.tn


def class_counts(confusion: Counts) -> ClassCounts:
    """One class against the rest, from rows of true class i predicted as j, shape (K, K)."""
    each = np.arange(len(confusion))
    if confusion.dtype.kind == "i":
        right = confusion.diagonal()
        fp, fn = confusion.sum(axis=0) - right, confusion.sum(axis=1) - right
        return ClassCounts(confusion[each, each], fp, fn, _elsewhere(confusion))
    # Direct sums: a subtraction from a total would leave rounding errors.
    mistakes = confusion.copy()
    np.fill_diagonal(mistakes, 0)
    return ClassCounts(
        tp=confusion[each, each],
        fp=mistakes.sum(axis=0),
        fn=mistakes.sum(axis=1),
        tn=_elsewhere(confusion),
    )


@overload
def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], k: int
) -> Ints: ...


@overload
def confusion_matrix(
    labels: NDArray[np.integer], predicted: NDArray[np.integer], k: int, weights: Floats | None
) -> Counts: ...


def confusion_matrix(
    labels: NDArray[np.integer],
    predicted: NDArray[np.integer],
    k: int,
    weights: Floats | None = None,
) -> Counts:
    """Rows of true class i predicted as j; shape (k, k), int64; float64 with `weights`, (N,)."""
    pairs = labels.astype(np.int64) * k + predicted
    return np.bincount(pairs, weights, minlength=k * k).reshape(k, k)


def averages(values: Floats, support: Counts, micro: float) -> dict[str, float]:
    """Macro, micro and weighted average of a figure of each class, both of shape (K,).

    macro: the mean over the classes where it is defined; weighted: by their support; micro: the
    figure of the pooled counts, given. NaN if nothing is defined.
    """
    return {
        "macro": _mean(values, np.ones(values.shape)),
        "micro": micro,
        "weighted": _mean(values, support),
    }


def clusters_of(predictions: Predictions, n_classes: int) -> Clusters | None:
    """The rows by group; None: they have no groups."""
    if predictions.groups is None:
        return None
    return cluster(predictions.labels, predictions.predicted, predictions.groups, n_classes)


def ratio(part: Counts | NDArray[np.int32] | np.number, whole: Counts | np.number) -> Floats:
    """Part / whole in float64; NaN if the whole is 0."""
    with np.errstate(invalid="ignore"):
        return np.true_divide(part, whole)


def _mean(values: Floats, weights: Counts) -> float:
    """Weighted mean over the defined values; NaN if there are none.

    Unweighted where all their weights are 0, as scikit-learn has it.
    """
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan")
    weights = weights[defined]
    return float(np.average(values[defined], weights=weights if weights.any() else None))


def _elsewhere(confusion: Counts) -> Counts:
    """The sum of all entries outside row k and column k, for each k; shape (K,)."""
    if confusion.dtype.kind == "i":
        rows, columns = confusion.sum(axis=1), confusion.sum(axis=0)
        remaining: Counts = confusion.sum() - (rows + columns - confusion.diagonal())
        return remaining
    ahead = np.arange(len(confusion))
    behind = ahead[::-1]
    total = np.zeros_like(ahead)
    # The four corners outside row and column k, each summed from its corner.
    for rows, above in ((confusion, ahead), (confusion[::-1], behind)):
        for block, before in ((rows, ahead), (rows[:, ::-1], behind)):
            sums = np.pad(block.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
            total = total + sums[above, before]
    return total
