"""Rows whose label is likely wrong."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from mtrain.metrics.suspects import suspects
from mtrain.records.training import Predictions


def predictions_of(labels, scores):
    scores = np.array(scores, np.float32)
    return Predictions(np.array(labels), scores.argmax(axis=1), scores, 0.0)


def test_a_case_worked_by_hand():
    """Mean probabilities of a label are 0.65, 0.6 and 0.4: what reaches them is what a row looks like."""
    predictions = predictions_of(
        [0, 0, 0, 1, 1, 2, 2],
        [
            [0.9, 0.1, 0.0],
            [0.9, 0.0, 0.1],
            [0.15, 0.65, 0.2],
            [0.2, 0.7, 0.1],
            [0.45, 0.5, 0.05],
            [0.1, 0.1, 0.8],
            [0.7, 0.3, 0.0],
        ],
    )
    rows, like = suspects(predictions)

    assert rows.tolist() == [6, 2]
    assert like.tolist() == [0, 1]


def test_nothing_is_suspect_where_nothing_is_predicted_wrong():
    """Nor is a class without rows looked like."""
    scores = [[0.6, 0.4, 0.0], [0.2, 0.7, 0.1]]
    assert suspects(predictions_of([0, 1], scores))[0].tolist() == []
    rows, like = suspects(predictions_of([0, 0], [[0.3, 0.0, 0.7], [0.1, 0.0, 0.9]]))
    assert rows.tolist() == []
    assert like.tolist() == []


def test_flipped_labels_are_found():
    """Of digits, of which each twentieth has another label, predicted out of sample."""
    features, labels = load_digits(return_X_y=True)
    generator = np.random.default_rng(0)
    flipped = generator.choice(len(labels), len(labels) // 20, replace=False)
    wrong = labels.copy()
    wrong[flipped] = (labels[flipped] + generator.integers(1, 10, len(flipped))) % 10
    scores = cross_val_predict(
        LogisticRegression(max_iter=1000), features / 16, wrong, cv=5, method="predict_proba"
    )
    rows, like = suspects(predictions_of(wrong, scores))

    hits = np.isin(rows, flipped)
    assert hits.sum() >= 0.9 * len(flipped)
    assert hits[: len(flipped) // 2].mean() >= 0.9
    assert (like[hits] == labels[rows[hits]]).mean() >= 0.95
