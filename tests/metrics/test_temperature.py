from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss

from mtrain.metrics.temperature import choose_temperature, probabilities_at
from mtrain.records.training import Predictions


class Outputs(ClassifierMixin, BaseEstimator):
    """A classifier whose outputs before the softmax are its inputs."""

    def fit(self, _, labels):
        """Learn the classes alone."""
        self.classes_ = np.unique(labels)
        return self

    def predict(self, inputs):
        """The largest."""
        return inputs.argmax(axis=1)

    def decision_function(self, inputs):
        """As they come."""
        return inputs


def drawn(n, n_classes, temperature, generator, strength=2.0):
    """Labels, and outputs `temperature` times as large as those from which the labels were drawn."""
    outputs = generator.normal(0, strength, (n, n_classes))
    chances = softmax(outputs, axis=1).cumsum(axis=1)
    labels = (generator.random((n, 1)) > chances).sum(axis=1).clip(0, n_classes - 1)
    return labels, outputs * temperature


def predictions_of(labels, outputs):
    probabilities = softmax(outputs, axis=1).astype(np.float32)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, 0.0)


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_the_temperature_is_that_of_scikit_learn(temperature):
    labels, outputs = drawn(3000, 5, temperature, np.random.default_rng(0))
    ours = predictions_of(labels, outputs)

    theirs = CalibratedClassifierCV(
        FrozenEstimator(Outputs().fit(outputs, labels)), method="temperature"
    ).fit(outputs, labels)
    beta = theirs.calibrated_classifiers_[0].calibrators[0].beta_
    chosen = choose_temperature(ours)

    assert chosen == pytest.approx(1 / beta, rel=1e-5)
    assert chosen == pytest.approx(temperature, rel=0.06)
    np.testing.assert_allclose(
        probabilities_at(chosen, ours.probabilities), theirs.predict_proba(outputs), atol=2e-6
    )


def test_of_two_classes_it_is_that_of_the_odds():
    """Of 100 rows with odds of 9 to 1, 75 are right: odds of 3 to 1, whose logarithm is half as large."""
    labels = np.repeat([1, 0], [75, 25])
    second = np.full(100, 0.9, np.float32)
    ours = Predictions(labels, np.ones(100, int), np.stack([1 - second, second], axis=1), 0.0)

    assert choose_temperature(ours) == pytest.approx(2, rel=1e-5)
    np.testing.assert_allclose(
        probabilities_at(2.0, ours.probabilities)[0], [0.25, 0.75], atol=1e-6
    )


def test_right_probabilities_are_mostly_left_as_they_are():
    """A temperature that only fits the chance in its rows is not kept: seldom one is, and it harms little."""
    generator = np.random.default_rng(0)
    chosen = [
        choose_temperature(predictions_of(*drawn(200, 3, 1.0, generator))) for _ in range(200)
    ]

    assert np.mean(np.array(chosen) == 1) > 0.5
    assert 0.6 < min(chosen) <= max(chosen) < 1.6


def test_of_rows_that_are_all_right_no_temperature_is_best():
    """The lower, the better: of new rows one that is wrong would cost without limit."""
    outputs = np.eye(3)[np.arange(90) % 3]

    assert choose_temperature(predictions_of(np.arange(90) % 3, outputs)) == 1


@pytest.mark.parametrize("n", [1, 2, 5, 19])
def test_few_rows_choose_none(n):
    """Of one row there is no half that could judge it."""
    outputs = np.tile([[2.0, 1.0, -8.0]], (n, 1))

    assert choose_temperature(predictions_of(np.ones(n, int), outputs)) == 1


def test_it_can_be_taken_back():
    generator = np.random.default_rng(0)
    labels, outputs = drawn(500, 4, 3.0, generator)
    sharp = predictions_of(labels, outputs).probabilities

    there = probabilities_at(1 / 1.7, probabilities_at(1.7, sharp))

    np.testing.assert_allclose(there, sharp, atol=1e-6)
    assert log_loss(labels, probabilities_at(3.0, sharp)) < log_loss(labels, sharp)
