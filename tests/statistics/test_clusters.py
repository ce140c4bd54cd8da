"""Rows in groups, and how many independent rows they are worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t

from mtrain.statistics.averages import macro_share
from mtrain.statistics.binomial import Z_95, p_at_least, p_at_most, wilson
from mtrain.statistics.clusters import as_effective, cluster
from mtrain.statistics.influence import influence


def of_one_class(hits, sizes):
    """Groups of these sizes, all rows of class 0, of which so many are found."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    found = np.concatenate([np.arange(n) < k for k, n in zip(hits, sizes, strict=True)])
    return cluster(np.zeros(len(groups), int), np.where(found, 0, 1), groups, 2)


def allowance(degrees):
    """What is left of effective rows with so few degrees of freedom."""
    return (Z_95 / t.ppf(0.975, degrees)) ** 2


def test_the_variance_is_that_between_groups():
    """Three groups of three with 2, 1 and 3 hits: residuals 0, -1 and 1, so 3/2 x 2 / 81."""
    rows = of_one_class([2, 1, 3], [3, 3, 3])
    of_recall = influence("recall", *(np.array([n, 0]) for n in (6, 0, 3)))

    assert rows.variance("recall", of_recall) == pytest.approx(1 / 27)


def test_the_design_effect_makes_rows_fewer():
    """By hand: 20 groups of 4, ten with 4 hits and ten with 1: v = 20/19 x 20 x 1.5^2 / 80^2."""
    rows = of_one_class([4, 1] * 10, [4] * 20)
    share, v = 50 / 80, 20 / 19 * 20 * 1.5**2 / 80**2
    effective = share * (1 - share) / v

    assert effective == pytest.approx(31.666666666666668)
    assert_allclose(rows.recall, [effective * allowance(10), 0])
    assert rows.accuracy == pytest.approx(effective * allowance(10))


def test_rows_that_are_all_alike_are_worth_their_groups():
    """Whether a group has five rows, or one; of the share 1 likewise."""
    alike = of_one_class([5, 0, 5, 5] * 10, [5] * 40)
    single = of_one_class([1, 0, 1, 1] * 10, [1] * 40)

    assert_allclose(alike.recall, single.recall)
    assert alike.recall[0] == pytest.approx(39)
    assert of_one_class([5] * 40, [5] * 40).recall[0] == 40
    assert of_one_class([0] * 40, [5] * 40).recall[0] == 40


def test_groups_never_make_rows_more():
    """Not even groups that are more alike than chance, and not a single group."""
    rows = of_one_class([2] * 200, [4] * 200)
    assert rows.recall[0] == pytest.approx(800 * allowance(199))
    assert of_one_class([3], [5]).recall[0] == 1
    assert np.isnan(macro_share(np.array([[3, 2], [0, 0]]), "recall", of_one_class([3], [5])).interval()).all()  # fmt: skip


def test_each_figure_has_its_rows():
    """Of recall those of a class, of precision those called so, of F1 both; shared rows once."""
    truth = np.array([0, 0, 0, 0, 1, 1, 1, 1] * 6)
    predicted = np.array([0, 0, 1, 0, 1, 0, 1, 1] * 6)
    rows = cluster(truth, predicted, np.arange(48), 2)

    # Without correlation G - 1 of G rows are left, and what few degrees of freedom take.
    for figure, n, hits in (("recall", 24, 18), ("precision", 24, 18), ("f1", 30, 18)):
        expected = max((n - 1) * allowance(min(hits, n - hits)), min(n - 1, n))
        assert_allclose(getattr(rows, figure), expected)


def test_rows_by_chance_are_fewer_where_classes_and_predictions_are_those_of_groups():
    """By the sum over groups of the products of deviations, as they are defined."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 10)
    truth = np.repeat(generator.integers(0, 2, 30), 10)
    predicted = np.where(
        generator.random(300) < 0.8, np.repeat(generator.integers(0, 2, 30), 10), 0
    )
    of_groups = cluster(truth, predicted, groups, 2).by_chance
    products = ((truth == 1) - (truth == 1).mean()) * ((predicted == 1) - (predicted == 1).mean())
    squares = 30 / 29 * (np.bincount(groups, products) ** 2).sum()
    independent = 300 * np.prod(
        [p * (1 - p) for p in ((truth == 1).mean(), (predicted == 1).mean())]
    )
    degrees = min(len(np.unique(groups[each == 1])) for each in (truth, predicted))

    assert of_groups[1] == pytest.approx(
        max(independent / squares * allowance(degrees), min(independent / squares, 0.1))
    )
    assert of_groups[1] < 0.25
    apart = cluster(truth, predicted, np.arange(300), 2).by_chance
    assert apart.min() > 0.9


def test_the_macro_average_of_grouped_rows_is_less_exact():
    """The variance is that of the sums of a group; one row a group is nearly as without."""
    generator = np.random.default_rng(1)
    truth = np.repeat(generator.integers(0, 3, 60), 20)
    wrong = np.repeat(generator.random(60) < 0.3, 20)
    predicted = np.where(wrong, (truth + 1) % 3, truth)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (truth, predicted), 1)
    for figure in ("precision", "recall", "f1"):
        rows = macro_share(confusion, figure).trials
        single = macro_share(confusion, figure, cluster(truth, predicted, np.arange(1200), 3))
        grouped = macro_share(confusion, figure, cluster(truth, predicted, np.repeat(np.arange(60), 20), 3))  # fmt: skip
        assert single.trials == pytest.approx(rows, rel=0.03)
        assert rows / 25 < grouped.trials < rows / 15


def test_tests_and_intervals_of_grouped_rows_hold():
    """Of rows of 25 groups that are half alike: at most about 5 %, where rows alone err by 30 %."""
    generator = np.random.default_rng(2)
    draws, true = 600, 0.7
    high = low = covered = by_rows = 0
    for _ in range(draws):
        share = generator.beta(true, 1 - true, 25)  # an intra-group correlation of 0.5
        rows = of_one_class(generator.binomial(12, share), [12] * 25)
        found = np.array([rows.n[rows.predicted == 0].sum(), 0])
        hits, trials = as_effective(found, np.array([300, 0]), rows.recall)
        high += p_at_least(hits, trials, true)[0] <= 0.05
        low += p_at_most(hits, trials, true)[0] <= 0.05
        bounds = wilson(hits, trials)[0]
        covered += bounds[0] <= true <= bounds[1]
        by_rows += p_at_least(found[0], 300, true) <= 0.05

    assert max(high, low) / draws < 0.06
    assert covered / draws > 0.93
    assert by_rows / draws > 0.2
