from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, binomtest
from sklearn.metrics import f1_score, precision_score, recall_score

from mtrain.statistics.binomial import Z_95
from mtrain.statistics.influence import FIGURES
from mtrain.statistics.paired import (
    accuracy_difference,
    class_differences,
    macro_difference,
    mcnemar_mid_p,
)
from mtrain.statistics.pairs import pair

TRUTH = json.loads((Path(__file__).parent / "statsmodels_truth.json").read_text())
SKLEARN = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def pairs_of(d, n):
    """Two classes: rows of the first (d) and of the other (n), by who predicts the first.

    Both, the first only, the second only, neither.
    """
    sizes = [*d, *n]
    truth = np.repeat([0, 0, 0, 0, 1, 1, 1, 1], sizes)
    first = np.repeat([0, 0, 1, 1] * 2, sizes)
    second = np.repeat([0, 1, 0, 1] * 2, sizes)
    return pair(truth, first, second, 2)


def drawn(n_rows, n_classes, accuracy, agreement, generator, *, second=None):
    """Truth and two predictions that are equal for a share of rows, else equally good."""
    truth = generator.integers(0, n_classes, n_rows)

    def predict(accuracy):
        other = (truth + generator.integers(1, n_classes, n_rows)) % n_classes
        return np.where(generator.random(n_rows) < accuracy, truth, other)

    shared, agree = predict(accuracy), generator.random(n_rows) < agreement
    first = np.where(agree, shared, predict(accuracy))
    return truth, first, np.where(agree, shared, predict(accuracy if second is None else second))


WORKED = pairs_of((319, 78, 22, 32), (31, 53, 22, 155))


def test_recall_is_compared_by_mcnemars_mid_p():
    """The worked case: 78 rows that only the first finds, 22 that only the second does."""
    recall = class_differences(WORKED, "recall")

    assert recall.first[0] == 397 / 451
    assert recall.second[0] == 341 / 451
    assert recall.p[0] == pytest.approx(1.0121e-8, rel=1e-4)


def test_precision_is_compared_by_the_weighted_generalised_score():
    """Kosinski's published case: 0.825364 and 0.865482, chi-square 5.465887."""
    precision = class_differences(WORKED, "precision")

    assert_allclose([precision.first[0], precision.second[0]], [0.825364, 0.865482], atol=5e-7)
    assert precision.p[0] == pytest.approx(0.019391, abs=5e-7)


@pytest.mark.parametrize("case", TRUTH["mcnemar"])
def test_the_mid_p_is_the_exact_p_of_statsmodels_less_half_of_what_was_seen(case):
    """On both sides: together the probability of this very table."""
    b, c = case["b"], case["c"]
    seen = binom.pmf(min(b, c), b + c, 0.5)
    exact = 2 * binom.cdf(min(b, c), b + c, 0.5)

    assert case["p"] == pytest.approx(min(exact, 1))
    assert mcnemar_mid_p(np.array(b), np.array(c)) == pytest.approx(min(exact - seen, 1))
    assert mcnemar_mid_p(np.array(b), np.array(c)) <= binomtest(b, b + c).pvalue


def test_without_rows_that_differ_nothing_is_shown():
    """P-values of 1, differences of 0, and intervals on both sides of it."""
    same = pairs_of((30, 0, 0, 5), (4, 0, 0, 40))
    of = [accuracy_difference(same)]
    of += [by(same, figure) for by in (class_differences, macro_difference) for figure in FIGURES]

    for each in of:
        assert (each.p == 1).all()
        assert (each.difference == 0).all()
        bounds = each.bounds(Z_95)
        assert (bounds[..., 0] < 0).all()
        assert (bounds[..., 1] > 0).all()
    many = pairs_of((3000, 0, 0, 500), (400, 0, 0, 4000))
    few, more = (class_differences(pairs, "f1").bounds(Z_95)[0] for pairs in (same, many))
    assert np.ptp(more) < np.ptp(few) / 5


def test_the_interval_of_a_paired_difference_is_newcombes():
    """Published for Bentur's airways before and after: 1, 1, 7 and 12 of 21; -0.507 to -0.026."""
    both, first, second, neither = 1, 7, 1, 12
    pairs = pairs_of((both, first, second, neither), (0, 0, 0, 0))
    low, high = class_differences(pairs, "recall").bounds(Z_95)[0]

    assert (round(low, 3), round(high, 3)) == (-0.507, -0.026)


@pytest.mark.parametrize("figure", FIGURES)
def test_figures_are_those_of_scikit_learn(figure):
    """Of each class and on average, of five classes."""
    truth, first, second = drawn(400, 5, 0.7, 0.5, np.random.default_rng(0))
    pairs = pair(truth, first, second, 5)
    of_class, average = class_differences(pairs, figure), macro_difference(pairs, figure)

    for values, mean, predicted in (
        (of_class.first, average.first, first),
        (of_class.second, average.second, second),
    ):
        assert_allclose(values, SKLEARN[figure](truth, predicted, average=None), rtol=1e-12)
        assert_allclose(mean, SKLEARN[figure](truth, predicted, average="macro"), rtol=1e-12)


def test_f1_of_few_rows_that_differ_is_compared_by_all_their_swaps():
    """By brute force: every way of exchanging the two predictions of each of seven rows."""
    truth = np.array([0] * 10 + [1] * 12)
    first = np.array([0] * 4 + [1] * 6 + [0] * 2 + [1] * 10)
    second = np.array([0] * 8 + [1] * 2 + [0] * 1 + [1] * 11)
    second[-1] = 0
    second[-2] = 0
    differs = np.flatnonzero(first != second)
    seen = abs(f1_score(truth == 0, second == 0) - f1_score(truth == 0, first == 0))
    as_large = 0
    for swaps in itertools.product([False, True], repeat=len(differs)):
        a, b = first.copy(), second.copy()
        rows = differs[list(swaps)]
        a[rows], b[rows] = second[rows], first[rows]
        difference = abs(f1_score(truth == 0, b == 0) - f1_score(truth == 0, a == 0))
        as_large += difference >= seen - 1e-12
    pairs = pair(truth, first, second, 2)

    assert len(differs) == 7
    assert class_differences(pairs, "f1").p[0] == pytest.approx(as_large / 2**7)


def test_a_macro_average_of_few_rows_that_differ_is_compared_by_all_their_swaps():
    """By brute force, of three classes."""
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 3, 60)
    first, second = truth.copy(), truth.copy()
    first[:2], second[2:8] = (first[:2] + 1) % 3, (second[2:8] + 2) % 3
    differs = np.arange(8)

    def difference(a, b):
        return abs(f1_score(truth, b, average="macro") - f1_score(truth, a, average="macro"))

    as_large = 0
    for swaps in itertools.product([False, True], repeat=8):
        a, b = first.copy(), second.copy()
        rows = differs[list(swaps)]
        a[rows], b[rows] = second[rows], first[rows]
        as_large += difference(a, b) >= difference(first, second) - 1e-12

    p = macro_difference(pair(truth, first, second, 3), "f1").p
    assert p == pytest.approx(as_large / 2**8)


def test_the_figure_of_a_class_that_one_never_predicts_is_not_compared():
    """Its precision is undefined; its recall is 0 and its F1, too."""
    pairs = pairs_of((0, 9, 0, 1), (0, 1, 0, 9))

    assert np.isnan(class_differences(pairs, "precision").p[0])
    assert class_differences(pairs, "recall").p[0] < 0.01


@pytest.mark.parametrize(
    ("n_rows", "n_classes", "accuracy", "agreement"),
    [(400, 2, 0.9, 0.7), (1000, 10, 0.9, 0.8), (2000, 4, 0.7, 0.5)],
)
def test_runs_that_are_equally_good_differ_in_one_comparison_of_twenty(
    n_rows, n_classes, accuracy, agreement
):
    """At most 5.5 %, and two standard errors; of a class, of the averages and of accuracy."""
    generator, repetitions = np.random.default_rng(0), 500
    shown = {}
    for _ in range(repetitions):
        pairs = pair(*drawn(n_rows, n_classes, accuracy, agreement, generator), n_classes)
        for figure in FIGURES:
            shown.setdefault(figure, []).append(class_differences(pairs, figure).p[0] <= 0.05)
            shown.setdefault(f"macro {figure}", []).append(
                macro_difference(pairs, figure).p <= 0.05
            )
        shown.setdefault("accuracy", []).append(accuracy_difference(pairs).p <= 0.05)

    most = 0.055 + 2 * np.sqrt(0.05 * 0.95 / repetitions)
    assert {name: np.mean(each) for name, each in shown.items() if np.mean(each) > most} == {}


@pytest.mark.parametrize(
    ("precision", "shared", "only_first", "only_second"),
    [
        (0.95, 90, 10, 0),
        (0.95, 980, 20, 0),
        (0.95, 900, 10, 40),
        (0.06, 17, 17, 0),
        (0.7, 300, 60, 20),
    ],
)
def test_a_run_that_predicts_a_class_more_often_is_not_better_for_it(
    precision, shared, only_first, only_second
):
    """Equal precision of other numbers of predictions, where few of them are right or wrong, too."""
    generator, repetitions = np.random.default_rng(0), 400
    shown = []
    for _ in range(repetitions):
        sizes = [shared, only_first, only_second]
        d = generator.binomial(sizes, precision)
        pairs = pairs_of((*d, 50), (*(sizes - d), 300))
        shown.append(class_differences(pairs, "precision").p[0] <= 0.05)

    assert np.mean(shown) <= 0.055 + 2 * np.sqrt(0.05 * 0.95 / repetitions)


def test_an_average_without_a_class_that_is_never_predicted_is_not_compared():
    """The macro precision of the first rises by the class that it gave up."""
    truth = np.repeat([0, 1, 2], 30)
    gave_up = np.where(truth == 2, 0, truth)
    pairs = pair(truth, gave_up, np.roll(truth, 3), 3)

    assert np.isnan(macro_difference(pairs, "precision").p)
    assert not np.isnan(macro_difference(pairs, "recall").p)


def test_a_difference_is_shown_more_often_than_by_the_exact_mcnemar_test():
    """0.90 against 0.93 on 500 rows."""
    generator = np.random.default_rng(0)
    ours, exact = [], []
    for _ in range(400):
        pairs = pair(*drawn(500, 4, 0.9, 0.6, generator, second=0.97), 4)
        _, first, second, _ = pairs.right()
        ours.append(accuracy_difference(pairs).p <= 0.05)
        exact.append(binomtest(first, first + second).pvalue <= 0.05)

    assert 0.3 < np.mean(exact) < np.mean(ours) < 0.95


@pytest.mark.parametrize("figure", FIGURES)
def test_intervals_of_differences_cover_the_true_one(figure):
    """Of a class and on average, of runs with 0.90 and about 0.92."""
    generator = np.random.default_rng(0)
    truth, first, second = drawn(400_000, 4, 0.9, 0.5, generator, second=0.94)
    true = pair(truth, first, second, 4)
    of_class, average = class_differences(true, figure), macro_difference(true, figure)
    covered = []
    for _ in range(400):
        rows = generator.integers(0, len(truth), 300)
        pairs = pair(truth[rows], first[rows], second[rows], 4)
        low, high = class_differences(pairs, figure).bounds(Z_95)[0]
        macro_low, macro_high = macro_difference(pairs, figure).bounds(Z_95)
        covered.append(
            (
                low <= of_class.difference[0] <= high,
                macro_low <= average.difference <= macro_high,
            )
        )

    assert (np.mean(covered, axis=0) >= 0.93).all()
