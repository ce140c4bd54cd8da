from __future__ import annotations

import numpy as np
import pytest

from mtrain.statistics.calibration import calibration


def drawn(n, gap, generator):
    """Rows whose predictions are right `gap` less often than their probabilities say."""
    probabilities = generator.uniform(0.6, 1, n).astype(np.float32)
    return probabilities, generator.random(n) < probabilities - gap


def test_the_error_of_calibrated_probabilities_is_0_on_average():
    """The plain estimate would be 0.02 of 1,000 rows in 15 bins."""
    generator = np.random.default_rng(0)
    squares = []
    for _ in range(300):
        bins = calibration(*drawn(1000, 0.0, generator))
        squares.append(float(bins._square(bins.right)))

    assert np.mean(squares) == pytest.approx(0, abs=2e-4)
    assert np.mean([max(square, 0) ** 0.5 for square in squares]) < 0.03


@pytest.mark.parametrize("gap", [0.05, 0.2])
def test_the_error_is_the_gap_where_all_bins_have_it(gap):
    assert calibration(*drawn(100_000, gap, np.random.default_rng(0))).error == pytest.approx(
        gap, abs=0.005
    )


def test_at_its_limit_an_error_is_shown_small_or_large_in_one_case_of_twenty():
    """Two standard errors aside; the same in each call."""
    generator, repetitions = np.random.default_rng(0), 300
    p = np.array(
        [calibration(*drawn(600, 0.1, generator)).p_values(0.1) for _ in range(repetitions)]
    )
    most = 0.05 + 2 * np.sqrt(0.05 * 0.95 / repetitions)

    assert (np.mean(p <= 0.05, axis=0) <= most).all()
    rows = drawn(600, 0.1, generator)
    assert calibration(*rows).p_values(0.1) == calibration(*rows).p_values(0.1)


@pytest.mark.parametrize("n", [10, 20, 50, 400])
def test_few_rows_that_happen_to_be_right_show_no_small_error(n):
    """Nearly certain predictions, of which one in twenty is wrong: exactly at the limit."""
    generator, repetitions = np.random.default_rng(0), 300
    certain = np.full(n, 0.999, np.float32)
    passed = [
        calibration(certain, generator.random(n) < 0.949).p_values(0.05)[0] <= 0.05
        for _ in range(repetitions)
    ]

    assert np.mean(passed) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / repetitions)
    assert calibration(np.ones(12, np.float32), np.ones(12, bool)).p_values(0.05)[0] > 0.5


def test_few_rows_are_one_bin():
    bins = calibration(np.array([0.9, 0.8], np.float32), np.array([True, False]))

    assert (len(bins.rows), bins.right[0]) == (1, 1)
    assert bins.confidence[0] == pytest.approx(0.85)


def test_chance_adds_a_fifth_to_the_error_of_what_it_adds_without_correction():
    """Of the mean square, at most; its truth is known, as probabilities are uniform and the gap one."""
    generator, gap = np.random.default_rng(0), 0.03
    corrected, plain = [], []
    for _ in range(400):
        bins = calibration(*drawn(1000, gap, generator))
        corrected.append(float(bins._square(bins.right)))
        plain.append(float((bins.confidence - bins.right / bins.rows) ** 2 @ bins.weights))

    assert abs(np.mean(corrected) - gap**2) < abs(np.mean(plain) - gap**2) / 5


@pytest.mark.parametrize(("gap", "n"), [(0.0, 200), (0.04, 1000), (0.15, 300)])
def test_the_interval_holds_the_error_in_nineteen_cases_of_twenty(gap, n):
    """Three standard errors aside."""
    generator, repetitions = np.random.default_rng(0), 60
    held = 0
    for _ in range(repetitions):
        low, high = calibration(*drawn(n, gap, generator)).interval()
        held += low <= gap <= high

    assert held / repetitions >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / repetitions)


def test_the_interval_holds_the_estimate_and_has_the_ends_that_p_values_refuse():
    bins = calibration(*drawn(3000, 0.1, np.random.default_rng(0)))
    low, high = bins.interval()

    assert 0 < low < bins.error < high < 0.2
    assert bins.p_values(low)[1] < 0.035
    assert bins.p_values(high)[0] < 0.035


def test_rows_that_are_all_right_and_sure_have_an_interval_from_0():
    low, high = calibration(np.ones(12, np.float32), np.ones(12, bool)).interval()

    assert low == 0
    assert 0.2 < high < 0.4


def test_rows_of_equal_probability_are_one_bin_in_whatever_order():
    """Else the first of them, all right, and the last, all wrong, would look like two errors."""
    right = np.repeat([True, False], [180, 20])
    bins = calibration(np.full(200, 0.9, np.float32), right)
    with_others = calibration(np.repeat(np.float32([0.9, 0.6]), [180, 20]), right)

    assert bins.error == 0
    assert (bins.rows.tolist(), with_others.rows.tolist()) == ([200], [20, 180])


def test_no_bin_is_too_small_whatever_ties():
    """39 equal rows and then different ones: not a bin of what is left of the first twentieth."""
    probabilities = np.concatenate([np.full(39, 0.5), np.linspace(0.6, 0.9, 61)]).astype(np.float32)
    bins = calibration(probabilities, np.ones(100, bool))

    assert min(bins.rows) >= 20
    assert sum(bins.rows) == 100
    assert bins.rows[0] == 39
