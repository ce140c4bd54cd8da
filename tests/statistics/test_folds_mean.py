from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t

from mtrain.statistics.folds import compare_folds, folds_mean


def test_the_interval_of_five_folds_worked_by_hand():
    """Mean 0.8, s^2 = (4 + 1 + 0 + 1 + 4) / 4 = 2.5 times 0.01^2, and 1/5 + 1/4 = 0.45 of it.

    The square root of 1.125 times 0.01 is 0.010607; Student's quantile with 4 degrees is 2.776445.
    """
    of = folds_mean(np.array([0.78, 0.79, 0.8, 0.81, 0.82]), 1 / 5)

    assert (of.mean, of.folds) == (pytest.approx(0.8), 5)
    assert (of.low, of.high) == pytest.approx((0.8 - 0.029449, 0.8 + 0.029449), abs=1e-6)


def test_two_recipes_are_compared_as_in_the_example_of_scikit_learn():
    """Its corrected resampled t-test of ten times ten folds, "Statistical comparison of models"."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.9, 0.02, (2, 100)) + generator.normal(0, 0.03, 100)
    of = compare_folds(first, second, 0.1)

    differences = second - first
    corrected = np.var(differences, ddof=1) * (1 / 100 + 10 / 90)
    statistic = np.mean(differences) / np.sqrt(corrected)
    assert of.p == pytest.approx(t.sf(np.abs(statistic), 99) * 2)
    assert_allclose(
        (of.low, of.high), t.interval(0.95, 99, loc=np.mean(differences), scale=np.sqrt(corrected))
    )


def test_the_interval_excludes_0_exactly_when_p_is_below_its_level():
    values = np.array([0.01, 0.03, 0.02, 0.05])
    p = folds_mean(values, 0.25).p

    assert folds_mean(values, 0.25, 1 - p).low == pytest.approx(0, abs=1e-12)


def test_a_fold_where_the_figure_is_undefined_is_left_out():
    """Three of four are left; in the comparison, the two that both have."""
    values = np.array([0.5, np.nan, 0.6, 0.8])

    assert folds_mean(values, 0.25) == folds_mean(values[[0, 2, 3]], 0.25)
    assert folds_mean(values, 0.25).folds == 3
    assert compare_folds(values, np.array([0.7, 0.7, np.nan, 0.9]), 0.25).folds == 2


@pytest.mark.parametrize("values", [[], [0.5], [np.nan, 0.5], [0.5, 0.5, 0.5]])
def test_few_folds_and_equal_folds_have_no_interval(values):
    _, *of, _ = astuple(folds_mean(np.array(values), 0.2))

    assert all(map(math.isnan, of))


def test_recipes_that_are_equal_in_all_folds_do_not_differ():
    values = np.array([0.5, 0.6, 0.7])

    assert (compare_folds(values, values, 1 / 3).mean, compare_folds(values, values, 1 / 3).p) == (
        0,
        1,
    )
