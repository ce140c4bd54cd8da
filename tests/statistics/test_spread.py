from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mtrain.statistics.spread import deviation, difference_limit


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_limit_is_students_t_of_the_difference_of_two_runs(n):
    """SciPy's quantile and NumPy's standard deviation; the variance of a difference is twice that of a run."""
    values = np.random.default_rng(n).normal(0.9, 0.01, n)
    s = np.std(values, ddof=1)

    assert deviation(values) == s
    assert difference_limit(values) == pytest.approx(stats.t.ppf(0.975, n - 1) * s * math.sqrt(2))
    assert difference_limit(values, 10) == pytest.approx(
        stats.t.ppf(1 - 0.025 / 10, n - 1) * s * math.sqrt(2)
    )


@pytest.mark.parametrize("n", [3, 5])
def test_two_runs_of_the_same_kind_are_within_the_limit_19_times_in_20(n):
    """Of 4,000 draws of normal figures; four standard errors of 0.95 are 0.014."""
    draws = np.random.default_rng(0).normal(size=(4000, n + 2))
    within = [abs(one[0] - one[1]) <= difference_limit(one[2:]) for one in draws]

    assert np.mean(within) == pytest.approx(0.95, abs=0.014)


def test_ten_figures_judged_together_are_all_within_at_least_19_times_in_20():
    """Bonferroni's limits, of figures that are independent."""
    draws = np.random.default_rng(1).normal(size=(500, 10, 7))
    within = [
        all(abs(figure[0] - figure[1]) <= difference_limit(figure[2:], 10) for figure in one)
        for one in draws
    ]

    assert np.mean(within) >= 0.95 - 4 * math.sqrt(0.95 * 0.05 / 500)


@pytest.mark.parametrize("values", [[0.9, 0.8], [0.9, 0.9, 0.9], [0.9, math.nan, 0.8], []], ids=str)
def test_the_limit_is_unknown_where_the_runs_do_not_tell_it(values):
    """Too few of them, equal ones, and a figure that is undefined in one."""
    assert math.isnan(difference_limit(np.array(values)))
