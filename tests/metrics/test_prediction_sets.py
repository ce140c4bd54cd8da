from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import beta

from mtrain.metrics.prediction_sets import choose_sets, fewest_rows
from mtrain.records.training import Predictions


def predictions_of(labels, probabilities):
    probabilities = np.asarray(probabilities, np.float32)
    return Predictions(np.asarray(labels), probabilities.argmax(axis=1), probabilities, 0.0)


def drawn(n, generator):
    """Labels of three classes, one of them rare and hard to tell."""
    labels = generator.choice(3, n, p=[0.6, 0.3, 0.1])
    outputs = (
        generator.normal(0, 1, (n, 3)) + np.array([2.0, 1.5, 0.5])[labels, None] * np.eye(3)[labels]
    )
    return predictions_of(labels, softmax(outputs, axis=1))


@pytest.mark.parametrize(("level", "rows"), [(0.95, 19), (0.9, 9), (0.99, 99), (0.5, 1), (0.8, 4)])
def test_the_fewest_rows_of_a_class_are_those_of_which_none_is_left_out(level, rows):
    """Of 19 rows and a new one each is the lowest in one case of twenty."""
    assert fewest_rows(level) == rows


def test_the_threshold_is_that_probability_of_the_validation_rows():
    """Nine rows of each class at 0.8: the second lowest, as (9 + 1) * 0.2 is 2."""
    own = np.arange(1, 10) / 10
    probabilities = np.concatenate([np.stack([own, 1 - own], 1), np.stack([1 - own, own], 1)])

    rule = choose_sets(predictions_of(np.repeat([0, 1], 9), probabilities), 0.8)

    np.testing.assert_allclose(rule.thresholds, [0.2, 0.2])
    assert (rule.rows.tolist(), rule.left_out.tolist()) == ([9, 9], [1, 1])
    np.testing.assert_array_equal(
        rule.sets(np.array([[0.9, 0.1], [0.8, 0.2], [0.5, 0.5]], np.float32)),
        [[True, False], [True, True], [True, True]],
    )


def test_every_class_has_its_rows_in_the_sets_as_often_as_promised():
    """On average over validations, and in 19 of 20 validations as often as `surely` says."""
    generator, level = np.random.default_rng(0), 0.9
    new = drawn(20_000, generator)
    found, promised = [], []
    for _ in range(300):
        rule = choose_sets(drawn(600, generator), level)
        in_set = rule.sets(new.probabilities)[np.arange(20_000), new.labels]
        found.append([in_set[new.labels == k].mean() for k in range(3)])
        promised.append(rule.surely())
    shares, error = np.mean(found, axis=0), 2 * np.std(found, axis=0) / np.sqrt(300)

    assert (shares >= level - error - 0.005).all()
    assert (shares < level + 0.02).all()
    assert (np.mean(np.array(found) >= promised, axis=0) >= 0.92).all()


def test_what_is_reached_surely_is_a_quantile_of_the_beta_distribution():
    rule = choose_sets(drawn(600, np.random.default_rng(0)), 0.9)

    expected = [beta(n - k, k + 1).ppf(0.05) for n, k in zip(rule.rows, rule.left_out, strict=True)]
    np.testing.assert_allclose(rule.surely(), expected)


def test_rows_of_equal_probability_are_in_the_sets_together():
    rule = choose_sets(predictions_of([0] * 20 + [1] * 20, [[0.5, 0.5]] * 40), 0.9)

    assert rule.sets(np.array([[0.5, 0.5]], np.float32)).all()
