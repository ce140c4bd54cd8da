from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t

from mtrain.statistics.folds import folds_mean


def test_the_interval_of_five_folds_worked_by_hand():
    """Mean 0.8, s^2 = (4 + 1 + 0 + 1 + 4) / 4 = 2.5 times 0.01^2, and 1/5 + 1/4 = 0.45 of it.

    The square root of 1.125 times 0.01 is 0.010607; Student's quantile with 4 degrees is 2.776445.
    """
    of = folds_mean(np.array([0.78, 0.79, 0.8, 0.81, 0.82]), 1 / 4)

    assert of.mean == pytest.approx(0.8)
    assert (of.low, of.high) == pytest.approx((0.8 - 0.029449, 0.8 + 0.029449), abs=1e-6)


def test_the_interval_is_that_of_the_corrected_resampled_t_test():
    """As scikit-learn's example "Statistical comparison of models" corrects ten times ten folds."""
    values = np.random.default_rng(0).normal(0.9, 0.02, 100)
    of = folds_mean(values, 10 / 90)

    scale = np.sqrt(np.var(values, ddof=1) * (1 / 100 + 10 / 90))
    assert_allclose((of.low, of.high), t.interval(0.95, 99, loc=np.mean(values), scale=scale))


def test_a_fold_where_the_figure_is_undefined_is_left_out():
    values = np.array([0.5, np.nan, 0.6, 0.8])

    assert folds_mean(values, 0.25) == folds_mean(values[[0, 2, 3]], 0.25)


@pytest.mark.parametrize("values", [[], [0.5], [np.nan, 0.5], [0.5, 0.5, 0.5]])
def test_few_folds_and_equal_folds_have_no_interval(values):
    _, *of = astuple(folds_mean(np.array(values), 0.2))

    assert all(map(math.isnan, of))
