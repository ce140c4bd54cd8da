from __future__ import annotations

import numpy as np
import pytest

from mtrain.statistics.crossed import crossed_mean


def table(n_seeds, n_rows, *, of_seeds, of_rows, residual, generator):
    """Values of mean 0.7 with the three parts of variance."""
    return (
        0.7
        + generator.normal(0, of_seeds, (n_seeds, 1))
        + generator.normal(0, of_rows, (1, n_rows))
        + generator.normal(0, residual, (n_seeds, n_rows))
    )


def test_the_parts_are_those_of_a_table_worked_by_hand():
    """Two seeds, three rows: 1 1 0 and 1 0 0.

    Mean 1/2; squares of seeds 3 * 2 / 36 = 1/6, of rows 2 * (1/4 + 0 + 1/4) = 1, of all 3/2, so
    residual 1/3; mean squares 1/6, 1/2, 1/6.
    """
    of = crossed_mean(np.array([[1, 1, 0], [1, 0, 0]], bool))

    assert of.mean == 0.5
    assert of.seeds == pytest.approx(0)
    assert of.rows == pytest.approx((1 / 2 - 1 / 6) / 2)
    assert of.variance == pytest.approx((1 / 2 + 1 / 6 - 1 / 6) / 6)
    assert of.degrees == pytest.approx((1 / 2) ** 2 / (1 / 6) ** 2)


def test_both_parts_are_found_and_the_interval_covers_the_mean():
    """Of 600 tables of 8 seeds and 200 rows; the deviation over seeds alone covers far less."""
    generator = np.random.default_rng(0)
    tables = [
        table(8, 200, of_seeds=0.02, of_rows=0.4, residual=0.3, generator=generator)
        for _ in range(600)
    ]
    means = [crossed_mean(each) for each in tables]
    by_seeds = [each.mean(axis=1).std(ddof=1) / np.sqrt(8) for each in tables]

    assert np.mean([one.seeds for one in means]) == pytest.approx(0.02**2, rel=0.15)
    assert np.mean([one.rows for one in means]) == pytest.approx(0.4**2, rel=0.05)
    covered = np.mean([low <= 0.7 <= high for low, high in (one.interval() for one in means)])
    assert 0.92 <= covered <= 0.97
    assert (
        np.mean([abs(one.mean - 0.7) <= 1.96 * d for one, d in zip(means, by_seeds, strict=True)])
        < 0.7
    )


def test_one_seed_says_nothing_of_other_seeds():
    with pytest.raises(ValueError, match="at least two seeds and two rows, got 1 and 4"):
        crossed_mean(np.ones((1, 4)))


@pytest.mark.parametrize("n_seeds", [3, 5, 10])
def test_few_seeds_that_differ_have_the_degrees_of_freedom_of_seeds(n_seeds):
    """Where the seeds decide, a normal quantile would cover 80 to 91 %."""
    generator = np.random.default_rng(0)
    tables = [
        table(n_seeds, 2000, of_seeds=0.02, of_rows=0.1, residual=0.2, generator=generator)
        for _ in range(400)
    ]
    intervals = [crossed_mean(each).interval() for each in tables]

    assert 0.91 <= np.mean([low <= 0.7 <= high for low, high in intervals]) <= 0.985
