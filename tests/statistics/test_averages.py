from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import f1_score, precision_score, recall_score

from mtrain.statistics.averages import f1_interval, macro_share, share_of_f1
from mtrain.statistics.binomial import wilson
from mtrain.statistics.influence import FIGURES, influence

SKLEARN = {"precision": precision_score, "recall": recall_score, "f1": f1_score}


def cells_of(n_classes, share, *, rows=None):
    """Shares of the cells of a confusion matrix in which `share` of each class is found."""
    rows = np.ones(n_classes) if rows is None else np.array(rows, float)
    cells = np.full((n_classes, n_classes), (1 - share) / (n_classes - 1))
    np.fill_diagonal(cells, share)
    cells *= rows[:, None]
    return cells / cells.sum()


def macro(confusion, figure):
    right = confusion.diagonal()
    of = influence(figure, right, confusion.sum(0) - right, confusion.sum(1) - right)
    return float(np.nanmean(of.value))


def test_f1_is_a_function_of_a_share():
    """F1 = 2J / (1 + J): 6 / 8 of J = 3 / 5; Wilson's interval of J, transformed."""
    assert share_of_f1(0.75) == pytest.approx(0.6)
    low, high = f1_interval(np.array([3]), np.array([2]))[0]
    of_share = wilson(3, 5)

    assert low == pytest.approx(2 * of_share[0] / (1 + of_share[0]))
    assert high == pytest.approx(2 * of_share[1] / (1 + of_share[1]))
    assert np.isnan(f1_interval(np.array([0]), np.array([0]))).all()


@pytest.mark.parametrize("figure", FIGURES)
def test_influences_are_the_derivatives_of_scikit_learns_macro_averages(figure):
    """By weighing each row a little more."""
    generator = np.random.default_rng(0)
    truth, predicted = generator.integers(0, 3, 60), generator.integers(0, 3, 60)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (truth, predicted), 1)
    right = confusion.diagonal()
    of = influence(figure, right, confusion.sum(0) - right, confusion.sum(1) - right)
    weights = np.ones(60)

    def average(row, step):
        heavier = weights.copy()
        heavier[row] += step
        return SKLEARN[figure](truth, predicted, average="macro", sample_weight=heavier)

    numeric = [(average(row, 1e-6) - average(row, -1e-6)) / 2e-6 for row in range(60)]
    assert_allclose(of.on_mean(truth, predicted), numeric, atol=1e-8)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("rows", [[300, 300, 300], [2000, 100, 20]])
def test_the_variance_of_a_macro_average_is_that_of_simulated_tables(figure, rows):
    """Of 20,000 multinomial tables: within 8 %, where dropping the covariances is 30 % off."""
    n = sum(rows)
    cells = cells_of(3, 0.8, rows=rows)
    tables = np.random.default_rng(1).multinomial(n, cells.ravel(), 20_000).reshape(-1, 3, 3)
    simulated = np.var([macro(table, figure) for table in tables[:4000]])
    expected = np.rint(n * cells).astype(int)
    share = macro_share(expected, figure)

    assert share.value * (1 - share.value) / share.trials == pytest.approx(simulated, rel=0.08)


def test_the_recall_of_equal_classes_is_a_share_of_all_rows():
    """Ten classes of 100 rows with the same recall: 1,000 effective rows, whether 0.8 or 1."""
    mistakes = np.roll(np.eye(10, dtype=int), 1, axis=1)
    for right in (80, 100):
        confusion = np.eye(10, dtype=int) * right + mistakes * (100 - right)
        assert macro_share(confusion, "recall").trials == pytest.approx(1000, rel=0.01)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(
    ("n_classes", "rows", "share"),
    [
        (2, [20, 20], 0.8),
        (10, [100] * 10, 0.5),
        (10, [100] * 5 + [1000] * 5, 0.95),
        (3, [50] * 3, 0.99),
    ],
)
def test_macro_intervals_cover_the_true_average(figure, n_classes, rows, share):
    """At least as often as Wilson's intervals of so few rows; the full table is in the docs."""
    cells = cells_of(n_classes, share, rows=rows)
    truth = macro(cells, figure)
    tables = np.random.default_rng(0).multinomial(sum(rows), cells.ravel(), 1000)
    intervals = [
        macro_share(table.reshape(n_classes, n_classes), figure).interval() for table in tables
    ]
    covered = np.mean([low <= truth <= high for low, high in intervals])

    assert 0.92 <= covered <= 0.985


def test_an_average_of_no_class_is_undefined():
    """And a class that is neither present nor predicted is left out."""
    assert np.isnan(macro_share(np.zeros((2, 2), int), "f1").interval()).all()
    confusion = np.array([[9, 1, 0], [2, 8, 0], [0, 0, 0]])
    assert macro_share(confusion, "f1") == macro_share(confusion[:2, :2], "f1")
