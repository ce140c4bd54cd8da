"""Rows whose label is likely wrong, and how many of flipped labels are among them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from mlflow_server import TRACKERS, needs_trackers
from scipy.stats import binomtest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from mtrain.metrics.suspects import found_flips, looks_like, suspects
from mtrain.records.training import Predictions

CLEANLAB = """
import json, sys
import numpy as np
from cleanlab.filter import find_label_issues

with np.load(sys.argv[1]) as arrays:
    rows = find_label_issues(
        arrays["labels"],
        arrays["scores"],
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
print(json.dumps(rows.tolist()))
"""


def predictions_of(labels, scores):
    scores = np.array(scores, np.float32)
    return Predictions(np.array(labels), scores.argmax(axis=1), scores, 0.0)


def test_a_case_worked_by_hand():
    """Mean probabilities of a label are 0.6, 0.6 and 0.4: what reaches them is what a row looks like."""
    predictions = predictions_of(
        [0, 0, 0, 1, 1, 2, 2, 2],
        [
            [0.9, 0.1, 0.0],
            [0.75, 0.05, 0.2],
            [0.15, 0.65, 0.2],  # a suspect, like 1
            [0.2, 0.75, 0.05],
            [0.5, 0.45, 0.05],  # a mistake, but no class reaches its mean
            [0.1, 0.1, 0.8],
            [0.6, 0.4, 0.0],  # a suspect, like 0
            [0.3, 0.3, 0.4],  # reaches its own mean
        ],
    )
    for threshold in (None, 0.9):  # whatever is predicted
        if threshold is not None:
            predictions = replace(predictions, predicted=np.zeros(8, int))
        rows, like = suspects(predictions)
        assert rows.tolist() == [6, 2]
        assert like.tolist() == [0, 1]


def test_of_two_classes_that_are_reached_the_more_probable_one_is_meant():
    """Of equal ones the lower; one that is less probable than the label is none."""
    rows, like = suspects(
        predictions_of(
            [0, 1, 2, 2, 3, 3],
            [
                [0.3, 0.3, 0.4, 0.0],
                [0.3, 0.3, 0.4, 0.0],
                [0.35, 0.55, 0.1, 0.0],  # reaches 0 and 1
                [0.4, 0.4, 0.2, 0.0],
                [0.05, 0.05, 0.6, 0.3],  # reaches 2
                [0.0, 0.6, 0.1, 0.3],
            ],
        )
    )
    assert dict(zip(rows.tolist(), like.tolist(), strict=True))[2] == 1
    assert dict(zip(rows.tolist(), like.tolist(), strict=True))[3] == 0


def test_nothing_is_suspect_where_nothing_is_predicted_wrong():
    """Nor is a class without rows looked like."""
    scores = [[0.6, 0.4, 0.0], [0.2, 0.7, 0.1]]
    assert suspects(predictions_of([0, 1], scores))[0].tolist() == []
    rows, like = suspects(predictions_of([0, 0], [[0.3, 0.0, 0.7], [0.1, 0.0, 0.9]]))
    assert rows.tolist() == []
    assert like.tolist() == []


@pytest.fixture(scope="module")
def noisy():
    """Digits, of which each twentieth has another label, predicted out of sample, and which those are."""
    features, labels = load_digits(return_X_y=True)
    generator = np.random.default_rng(0)
    flipped = generator.choice(len(labels), len(labels) // 20, replace=False)
    given = labels.copy()
    given[flipped] = (labels[flipped] + generator.integers(1, 10, len(flipped))) % 10
    scores = cross_val_predict(
        LogisticRegression(max_iter=1000), features / 16, given, cv=5, method="predict_proba"
    )
    return labels, flipped, predictions_of(given, scores)


def test_flipped_labels_are_found(noisy):
    """Three of four, and few others; what they look like is what they are."""
    labels, flipped, predictions = noisy
    rows, like = suspects(predictions)

    hits = np.isin(rows, flipped)
    assert hits.sum() >= 0.7 * len(flipped)
    assert hits.mean() >= 0.8
    assert hits[: len(flipped) // 2].mean() >= 0.9
    assert (like[hits] == labels[rows[hits]]).mean() >= 0.95


@needs_trackers
def test_the_suspects_are_those_of_cleanlab(noisy, tmp_path):
    """The same rows in the same order."""
    _, _, predictions = noisy
    arrays = tmp_path / "predictions.npz"
    np.savez(arrays, labels=predictions.labels, scores=predictions.probabilities.astype(float))
    done = subprocess.run(
        [TRACKERS / "python", "-c", CLEANLAB, arrays], capture_output=True, text=True, check=True
    )

    assert suspects(predictions)[0].tolist() == json.loads(done.stdout)


def test_a_row_looks_like_its_most_probable_other_class():
    """Of equal ones the lowest; the scores stay as they were."""
    scores = np.array([[0.6, 0.3, 0.1], [0.0, 1.0, 0.0], [0.2, 0.2, 0.6]])
    before = scores.copy()
    assert looks_like(np.array([0, 1, 2]), scores).tolist() == [1, 0, 0]
    assert np.array_equal(scores, before)


def test_flips_found_worked_by_hand():
    """Of 8 flipped among 40 rows, 3 of the 5 named; after 2, 4 and 5 of them at least half are right."""
    one = found_flips(
        "train", np.array([False, True, False, True, True]), rows=40, flipped=8, unseen=1
    )

    assert (one.rows, one.flipped, one.unseen, one.named, one.found) == (40, 8, 1, 5, 3)
    assert one.precision == 3 / 5
    assert one.recall == 3 / 8
    assert one.half_right == 5
    for interval, trials in ((one.precision_ci, 5), (one.recall_ci, 8)):
        theirs = binomtest(3, trials).proportion_ci(method="wilson")
        assert interval == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@pytest.mark.parametrize(
    ("is_flipped", "half_right"),
    [
        ([True, False, False, False], 2),
        ([True, False, False, True, False], 4),
        ([False, False, True], 0),
        ([False, True], 2),
        ([True], 1),
        ([], 0),
    ],
)
def test_the_longest_beginning_of_a_list_that_is_half_right(is_flipped, half_right):
    """Whatever comes in between."""
    one = found_flips("test", np.array(is_flipped, bool), rows=9, flipped=3, unseen=0)
    assert one.half_right == half_right


def test_a_list_that_names_nothing_has_no_precision():
    """Its recall is 0."""
    one = found_flips("test", np.zeros(0, bool), rows=9, flipped=3, unseen=0)
    assert (one.named, one.precision, one.precision_ci, one.recall) == (0, None, None, 0)
    assert one.recall_ci[0] == 0
