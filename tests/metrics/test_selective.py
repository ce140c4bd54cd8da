from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import precision_score

from mtrain.metrics.selective import COVERAGES, LEVELS, answered, precision_by_coverage
from mtrain.records.training import Predictions


@pytest.fixture
def predictions():
    generator = np.random.default_rng(0)
    labels = generator.integers(4, size=400)
    outputs = generator.normal(0, 2, (400, 4)) + 2 * np.eye(4)[labels]
    probabilities = softmax(outputs, axis=1).astype(np.float32)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, 0.0)


def test_above_a_probability_precision_is_that_of_the_rows_above_it(predictions):
    confidence = predictions.probabilities.max(axis=1)
    for k in range(4):
        for one in answered(predictions, k):
            kept = confidence > np.float32(one.above)
            labels, predicted = predictions.labels[kept], predictions.predicted[kept]
            expected = precision_score(labels == k, predicted == k, zero_division=np.nan)
            assert (np.nan if one.precision is None else one.precision) == pytest.approx(
                expected, nan_ok=True
            )
            assert one.rows == np.count_nonzero(predicted == k)
            assert one.coverage == one.rows / np.count_nonzero(predictions.predicted == k)
    everything = list(answered(predictions))
    assert [one.above for one in everything] == list(LEVELS)
    assert (everything[0].rows, everything[0].coverage) == (400, 1)


def test_a_class_that_is_never_predicted_has_no_coverage(predictions):
    first = next(answered(predictions, 7))

    assert (first.rows, first.coverage, first.precision, first.right_ci) == (0, None, None, None)
    assert np.isnan(precision_by_coverage(predictions, 8)[:, 7]).all()


def test_the_precision_of_the_surest_predictions_ends_at_that_of_all(predictions):
    precision = precision_by_coverage(predictions, 4)
    labels, predicted = predictions.labels, predictions.predicted

    np.testing.assert_allclose(precision[-1], precision_score(labels, predicted, average=None))
    half = int(np.abs(COVERAGES - 0.5).argmin())
    of_first = np.flatnonzero(predicted == 0)
    surest = of_first[np.argsort(-predictions.probabilities[of_first, 0])][: -(-len(of_first) // 2)]
    assert precision[half, 0] == np.mean(labels[surest] == 0)


def test_rows_of_a_group_count_as_less_than_so_many(predictions):
    """Ten groups of forty equal rows are ten rows to an interval."""
    one = Predictions(
        predictions.labels[:10].repeat(40),
        predictions.predicted[:10].repeat(40),
        predictions.probabilities[:10].repeat(40, axis=0),
        0.0,
        groups=np.arange(10).repeat(40),
    )
    grouped, alone = next(answered(one)), next(answered(predictions))

    width = np.diff(grouped.right_ci)[0]
    assert width > 3 * np.diff(alone.right_ci)[0]
