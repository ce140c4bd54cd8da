"""Two classifiers on rows that belong together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t
from sklearn.metrics import f1_score, precision_score, recall_score

from mtrain.statistics.binomial import Z_95
from mtrain.statistics.influence import FIGURES
from mtrain.statistics.paired import accuracy_difference, class_differences, macro_difference
from mtrain.statistics.pairs import pair

SKLEARN = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def drawn(n_groups, rows, generator, *, own=1.5, n_classes=3, better=0.0):
    """Truth, two predictions and groups, in which each classifier is good or bad by itself."""
    groups = np.repeat(np.arange(n_groups), rows)
    truth = generator.integers(0, n_classes, len(groups))
    shared = generator.normal(1, 1, n_groups)
    predicted = []
    for shift in (0, better):
        right = 1 / (1 + np.exp(-(shared + shift + generator.normal(0, own, n_groups))))[groups]
        other = (truth + generator.integers(1, n_classes, len(groups))) % n_classes
        predicted.append(np.where(generator.random(len(groups)) < right, truth, other))
    return truth, *predicted, groups


@pytest.mark.parametrize("figure", FIGURES)
def test_figures_are_those_of_rows(figure):
    """Of each class, on average and in all: groups change what is shown, not what is counted."""
    truth, first, second, groups = drawn(20, 10, np.random.default_rng(0))
    pairs, rows = pair(truth, first, second, 3, groups), pair(truth, first, second, 3)

    assert pairs.same() == rows.same()
    assert pairs.right() == rows.right()
    of_class, average = class_differences(pairs, figure), macro_difference(pairs, figure)
    assert_allclose(of_class.first, SKLEARN[figure](truth, first, average=None))
    assert_allclose(of_class.second, SKLEARN[figure](truth, second, average=None))
    assert float(average.second) == pytest.approx(SKLEARN[figure](truth, second, average="macro"))
    assert float(accuracy_difference(pairs).first) == pytest.approx((truth == first).mean())


def test_a_difference_is_that_of_groups():
    """By hand: of 20 groups of 5, the second finds 1 row more in ten, 2 in five, 1 fewer in five."""
    gain = np.repeat([1, 2, -1], [10, 5, 5])
    groups = np.repeat(np.arange(20), 5)
    place = np.tile(np.arange(5), 20)
    first = (place >= np.where(gain < 0, 3, 2)[groups]).astype(int)
    second = (place >= (np.where(gain < 0, 3, 2) + gain)[groups]).astype(int)
    of = accuracy_difference(pair(np.zeros(100, int), first, second, 2, groups))

    # And as if one row more differed, which only the first finds: 0.55 + 0.6 of a hundredth.
    variance = (20 / 19 * ((gain - gain.mean()) ** 2).sum() + 1.15**2) / 100**2
    assert float(of.difference) == pytest.approx(gain.sum() / 100)
    assert float(of.p) == pytest.approx(2 * t.sf(gain.sum() / 100 / np.sqrt(variance), 19))


@pytest.mark.parametrize("figure", FIGURES)
def test_few_groups_are_swapped_whole(figure):
    """All swaps of seven groups, by scikit-learn: of one class, and on average."""
    truth, first, second, groups = drawn(7, 8, np.random.default_rng(3), better=1)
    pairs = pair(truth, first, second, 3, groups)
    seen = {
        average: SKLEARN[figure](truth, second, average=average, labels=[0, 1, 2])
        - SKLEARN[figure](truth, first, average=average, labels=[0, 1, 2])
        for average in (None, "macro")
    }
    reached = {None: np.zeros(3), "macro": 0}
    for swap in itertools.product([False, True], repeat=7):
        is_swapped = np.array(swap)[groups]
        a, b = np.where(is_swapped, second, first), np.where(is_swapped, first, second)
        for average, of in seen.items():
            values = [
                SKLEARN[figure](truth, each, average=average, labels=[0, 1, 2]) for each in (a, b)
            ]
            is_reached = np.abs(values[1] - values[0]) >= np.abs(of) - 1e-12
            reached[average] = reached[average] + is_reached

    assert_allclose(class_differences(pairs, figure).p, reached[None] / 128)
    assert float(macro_difference(pairs, figure).p) == pytest.approx(reached["macro"] / 128)


def test_groups_that_do_not_differ_show_nothing():
    """P-values of 1, and intervals on both sides of 0; also of a single group."""
    truth, first, _, groups = drawn(20, 10, np.random.default_rng(0))
    for numbers in (groups, 0 * groups):
        same = pair(truth, first, first, 3, numbers)
        of = [accuracy_difference(same)]
        of += [
            by(same, figure) for by in (class_differences, macro_difference) for figure in FIGURES
        ]
        for each in of:
            assert (each.p == 1).all()
            bounds = each.bounds(Z_95)
            assert not (bounds[..., 0] > 0).any()
            assert not (bounds[..., 1] < 0).any()
    single = pair(truth, first, (first + 1) % 3, 3, 0 * groups)
    assert (class_differences(single, "recall").p == 1).all()


def test_groups_of_one_row_are_rows():
    """To within what Student's quantile and the correction of McNemar's test make."""
    truth, first, second, _ = drawn(400, 1, np.random.default_rng(5), better=0.5)
    rows, groups = pair(truth, first, second, 3), pair(truth, first, second, 3, np.arange(400))
    for figure in FIGURES:
        for by in (class_differences, macro_difference):
            one, other = by(rows, figure), by(groups, figure)
            assert_allclose(np.log(one.p), np.log(other.p), atol=0.5)
            assert_allclose(one.bounds(Z_95), other.bounds(Z_95), atol=0.015)


def test_comparisons_of_grouped_rows_hold():
    """Equally good classifiers differ at 5 % in about 5 % of draws; by rows, in a third of them."""
    generator = np.random.default_rng(6)
    found = {"groups": [], "rows": []}
    excluded = 0
    for draw in range(240):
        truth, first, second, groups = drawn((8, 16, 30)[draw % 3], 15, generator)
        for name, numbers in (("groups", groups), ("rows", None)):
            pairs = pair(truth, first, second, 3, numbers)
            of = [accuracy_difference(pairs), macro_difference(pairs, "f1")]
            found[name].append([float(each.p) <= 0.05 for each in of])
            if numbers is not None:
                low, high = of[0].bounds(Z_95)
                excluded += not low <= 0 <= high

    assert np.mean(found["groups"], axis=0).max() < 0.08
    assert excluded / 240 < 0.08
    assert np.mean(found["rows"], axis=0).min() > 0.25
