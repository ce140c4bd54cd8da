from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest, t, ttest_rel

from mtrain.statistics.best import pairs_with_best
from mtrain.statistics.crossed import crossed_mean
from mtrain.statistics.multiple import LEVEL, holm


def of_all_pairs(scores, test, best):
    """What `pairs_with_best` should be, of a test of two members."""
    n = len(scores)
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    adjusted = dict(
        zip(pairs, holm(np.array([test(scores[i], scores[j]) for i, j in pairs])), strict=True)
    )
    return [1.0 if i == best else adjusted[min(i, best), max(i, best)] for i in range(n)]


def mcnemar(first, second):
    only = int((first > second).sum())
    n = int((first != second).sum())
    return binomtest(only, n).pvalue if n else 1.0


def recipes(first, second):
    """The p-value by the degrees of freedom of a crossed mean."""
    of = crossed_mean(second - first)
    return 2 * t.sf(abs(of.mean) / np.sqrt(of.variance), of.degrees)


def drawn_right(generator, accuracies, n_seeds, n_rows, *, deviations=0.0):
    """Members, shape (M, S, N), that find the same rows hard."""
    m = len(accuracies)
    easy = generator.beta(0.8 * 1.5, 0.2 * 1.5, n_rows)
    of_seed = generator.normal(size=(m, n_seeds, 1)) * np.reshape(deviations, (-1, 1, 1))
    shares = easy + (np.array(accuracies) - 0.8)[:, None, None] + of_seed
    return (generator.random((m, n_seeds, n_rows)) < shares).astype(np.float64)


def test_three_members_worked_by_hand():
    """Ten rows: the best is right on all, the second on eight, the third on none.

    Of 2, 8 and 10 rows that only one of two finds, all fall to one side: twice 1/4, 1/256 and 1/1024.
    Holm: the smallest by 3, the next by 2.
    """
    scores = np.zeros((3, 1, 10))
    scores[0], scores[1, 0, :8] = 1, 1

    assert_allclose(pairs_with_best(scores, 0), [1, 2 / 4, 3 * 2 / 1024])
    assert_allclose(pairs_with_best(scores, 2), [3 * 2 / 1024, 2 * 2 / 256, 1])


def test_right_and_wrong_predictions_are_those_of_scipys_binomial_test():
    scores = drawn_right(np.random.default_rng(0), [0.8, 0.7, 0.75, 0.6, 0.79], 1, 200)

    assert_allclose(pairs_with_best(scores, 0), of_all_pairs(scores, mcnemar, 0), rtol=1e-9)


def test_losses_are_those_of_scipys_paired_test():
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 5, 50) + generator.normal(0, 1, (5, 1, 50))
    scores += np.array([1, 0.5, 0.3, 0, 0.9])[:, None, None]

    expected = of_all_pairs(scores, lambda a, b: ttest_rel(a[0], b[0]).pvalue, 0)
    assert_allclose(pairs_with_best(scores, 0), expected, rtol=1e-9)


def test_several_seeds_are_tested_at_the_level_where_both_parts_reach_the_difference():
    """Two members: the mean squares of the crossed design, each with its own quantile."""
    generator = np.random.default_rng(0)
    scores = drawn_right(generator, [0.85, 0.75], 4, 300, deviations=0.01)
    (p, of_best) = pairs_with_best(scores, 1)

    table = scores[0] - scores[1]
    by_seeds, by_rows = table.mean(axis=1).var(ddof=1) / 4, table.mean(axis=0).var(ddof=1) / 300
    reach = t.isf(p / 2, 3) ** 2 * by_seeds + t.isf(p / 2, 299) ** 2 * by_rows
    assert of_best == 1
    assert 0 < p < 0.5
    assert reach == pytest.approx(table.mean() ** 2, rel=0.01)
    assert by_seeds + by_rows >= crossed_mean(table).variance


def test_groups_take_the_place_of_rows():
    """In any order, and of any size; five of them show nothing at 5 %."""
    generator = np.random.default_rng(0)
    groups = generator.integers(0, 80, 400)
    scores = drawn_right(generator, [0.8, 0.7, 0.6], 1, 400)
    sums = np.stack([np.bincount(groups, one[0])[:, None].T for one in scores])

    expected = of_all_pairs(sums, lambda a, b: ttest_rel(a[0], b[0]).pvalue, 0)
    assert_allclose(pairs_with_best(scores, 0, groups), expected, rtol=1e-9)
    five = pairs_with_best(scores[[0, 2]], 0, np.arange(400) % 5)
    assert_allclose(five, [1, 1 / 16])


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_members_that_differ_alike_on_all_rows_are_tested_by_the_number_of_rows(n_seeds):
    """A difference without variance is not sure: it may be that of four rows only."""
    rows = np.arange(4.0)
    scores = np.tile(np.stack([rows, rows - 1, rows])[:, None], (1, n_seeds, 1))

    assert_allclose(pairs_with_best(scores, 0), [1, 3 / 8, 1])


def test_equal_members_and_too_few_rows_show_nothing():
    """Nor does what is left of a difference by rounding."""
    same = np.random.default_rng(0).normal(size=(1, 2, 50))
    rounded = np.concatenate([same, same, (same + 1000) - 1000])

    assert_array_equal(pairs_with_best(rounded[:2], 0), [1, 1])
    assert pairs_with_best(rounded, 0)[2] > LEVEL
    assert_array_equal(pairs_with_best(np.array([[[1.0]], [[0.0]]]), 0), [1, 1])
    assert_array_equal(pairs_with_best(np.empty((2, 1, 0)), 0), [1, 1])
    assert_array_equal(pairs_with_best(same, 0), [1])


def test_a_member_whose_loss_is_not_finite_is_left_out():
    generator = np.random.default_rng(0)
    scores = generator.normal(0, 1, (4, 1, 60)) - np.arange(4)[:, None, None] / 2
    scores[1, 0, 7] = np.nan
    p = pairs_with_best(scores, 2)

    assert np.isnan(p[1])
    assert_array_equal(p[[0, 2, 3]], pairs_with_best(scores[[0, 2, 3]], 1))
    assert np.isnan(pairs_with_best(scores, 1)).all()


def test_of_equal_members_none_is_shown_to_be_worse_than_the_best():
    """In at least 95 % of 400 sweeps of 24; chance adds 2.2 %."""
    generator = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        scores = drawn_right(generator, [0.8] * 24, 1, 500)
        best = int(scores.mean(axis=(1, 2)).argmax())
        wrong += pairs_with_best(scores, best).min() < LEVEL

    assert wrong / 400 <= 0.072


def test_nor_of_equal_recipes_whose_losses_vary_with_their_seeds():
    """Of 20 with 5 seeds, in at least 95 % of 100 sweeps; by the crossed mean's degrees it is less."""
    generator = np.random.default_rng(0)
    wrong = by_crossed_mean = 0
    for _ in range(100):
        of_seeds = generator.normal(0, 0.1, (20, 5, 1))
        scores = of_seeds + generator.normal(0, 0.4, (20, 1, 500))
        scores += generator.normal(0, 0.5, (20, 5, 500))
        best = int(scores.mean(axis=(1, 2)).argmax())
        wrong += pairs_with_best(scores, best).min() < LEVEL
        by_crossed_mean += min(of_all_pairs(scores, recipes, best)) < LEVEL

    assert wrong <= 5
    assert by_crossed_mean >= 15


def test_a_member_that_is_far_worse_is_shown_to_be_worse():
    generator = np.random.default_rng(0)
    for n_seeds in (1, 5):
        scores = drawn_right(generator, [0.8, 0.75, 0.5], n_seeds, 1000, deviations=0.003)

        assert pairs_with_best(scores, 0)[2] < LEVEL
