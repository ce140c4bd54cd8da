from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest, fisher_exact

from mtrain.statistics.binomial import (
    clopper_pearson,
    p_at_least,
    p_at_most,
    p_by_chance,
    rows_to_differ,
    trials_to_show,
    wilson,
)

CASES = [(0, 1), (1, 1), (0, 30), (3, 30), (30, 30), (702, 1267), (499, 1000), (9_412, 10_000)]


@pytest.mark.parametrize(("hits", "trials"), CASES)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.6, 0.99])
def test_p_values_are_those_of_scipys_binomial_test(hits, trials, share):
    """In both directions."""
    greater = binomtest(hits, trials, share, alternative="greater").pvalue
    less = binomtest(hits, trials, share, alternative="less").pvalue

    assert_allclose(p_at_least(hits, trials, share), greater, rtol=1e-9)
    assert_allclose(p_at_most(hits, trials, share), less, rtol=1e-9)


@pytest.mark.parametrize(("hits", "trials"), CASES)
def test_wilsons_interval_is_scipys(hits, trials):
    """Of other levels, too."""
    for z, level in ((1.959963984540054, 0.95), (1.6448536269514722, 0.9)):
        expected = binomtest(hits, trials).proportion_ci(level, method="wilson")
        assert_allclose(wilson(hits, trials, z), expected, atol=1e-12)


def test_chance_is_fishers_exact_test_of_each_class():
    """Of a class never predicted, and of one always predicted, nothing is shown."""
    tp, support, predicted = (
        np.array([5, 0, 3, 8]),
        np.array([8, 2, 3, 8]),
        np.array([7, 0, 5, 100]),
    )
    expected = [
        fisher_exact([[a, b - a], [c - a, 100 - b - c + a]], alternative="greater").pvalue
        for a, b, c in zip(tp, support, predicted, strict=True)
    ]

    assert_allclose(p_by_chance(tp, support, predicted, 100), expected, rtol=1e-9)
    assert expected[1] == expected[3] == 1


@pytest.mark.parametrize("tp", [0, 280, 290, 300, 310, 400, 900])
def test_chance_is_exact_though_tables_that_add_nothing_are_left_out(tp):
    """Of 1,000 rows, 900 predicted, of 3,000: 300 are expected."""
    table = [[tp, 1000 - tp], [900 - tp, 1100 + tp]]
    expected = fisher_exact(table, alternative="greater").pvalue
    of_class = [np.array([n]) for n in (tp, 1000, 900)]

    assert_allclose(p_by_chance(*of_class, 3000), [expected], rtol=1e-7)


@pytest.mark.parametrize(
    ("required", "share", "one", "first_of_ten"),
    [(0.5, 0.6, 153, 290), (0.8, 0.9, 83, 165), (0.9, 0.92, 1303, 2506)],
)
def test_rows_needed_are_those_worked_by_hand(required, share, one, first_of_ten):
    """With a power of 80 %, by the normal approximation."""
    assert trials_to_show(required, share, 0.05) == one
    assert trials_to_show(required, share, 0.05 / 10) == first_of_ten


def test_rows_needed_are_never_fewer_than_an_exact_test_takes():
    """If all are hits, 5 show more than a half: 0.5 to the 5 is below 0.05, to the 4 it is not."""
    assert trials_to_show(0.5, 1.0, 0.05) == trials_to_show(0.5, 0.0, 0.05) == 5
    assert trials_to_show(0.9, 1.0, 0.05) == 29
    assert np.isnan(trials_to_show(0.5, 0.5, 0.05))


@pytest.mark.parametrize("share", [0.6, 0.75])
def test_four_fifths_of_repetitions_decide_with_the_rows_needed(share):
    """By the exact test, whose steps cost a few points of power."""
    n = int(trials_to_show(0.5, share, 0.05))
    hits = np.random.default_rng(0).binomial(n, share, 20_000)

    assert np.mean(p_at_least(hits, n, 0.5) <= 0.05) == pytest.approx(0.8, abs=0.07)


def test_four_fifths_of_repetitions_tell_two_shares_apart_with_the_rows_needed():
    """0.6 of n rows from 0.4 of three times as many, by Fisher's test."""
    n = int(rows_to_differ(np.array([0.6]), np.array([0.4]), np.array([3.0]), 0.05)[0])
    generator = np.random.default_rng(0)
    tp, fp = generator.binomial(n, 0.6, 4000), generator.binomial(3 * n, 0.4, 4000)
    p = p_by_chance(tp, np.full(4000, n), tp + fp, 4 * n)

    assert np.mean(p <= 0.05) == pytest.approx(0.8, abs=0.07)


@pytest.mark.parametrize(("hits", "trials"), CASES)
def test_exact_intervals_are_those_of_scipy(hits, trials):
    exact = binomtest(hits, trials).proportion_ci(method="exact")

    assert_allclose(clopper_pearson(hits, trials), (exact.low, exact.high), rtol=1e-9)


def test_without_trials_a_share_may_be_any():
    assert_allclose(clopper_pearson([0, 3], [0, 10])[0], [0, 1])
