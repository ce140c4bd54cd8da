from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from mtrain.data.class_weights import balanced, row_weights, weight_training
from mtrain.errors import MtrainError, SettingError
from mtrain.records.dataset import Dataset, Encoding, Split

CLASSES = ("stay", "leave", "never")


def dataset(labels, weights=None):
    split = Split(
        np.zeros((len(labels), 2), np.float32), labels, np.arange(len(labels)), weights=weights
    )
    splits = {"train": split, "val": split, "test": split}
    return Dataset(CLASSES, splits, Encoding(), "0", "here")


@pytest.mark.parametrize("seed", range(20))
def test_balanced_weights_are_scikit_learns(seed):
    """Over the classes that are present; of ten, some are not."""
    labels = np.random.default_rng(seed).zipf(1.5, 40).clip(max=10).astype(np.int32) - 1
    present = np.unique(labels)
    weights = balanced(labels, 10)

    theirs = compute_class_weight("balanced", classes=present, y=labels)
    assert_allclose(weights[present], theirs, rtol=1e-15)
    assert not np.delete(weights, present).any()


def test_class_weights_multiply_those_of_rows():
    """As scikit-learn has it; a class without a weight weighs 1, and one may weigh nothing."""
    labels = np.array([0, 1, 1, 2], np.int32)
    own = np.array([1, 2, 0.5, 3], np.float32)
    weights = row_weights(labels, CLASSES, {"leave": 10, "never": 0}, own)

    assert_array_equal(weights, np.array([1, 20, 5, 0], np.float32))
    theirs = compute_sample_weight({0: 1, 1: 10, 2: 0}, labels)
    assert_array_equal(row_weights(labels, CLASSES, {"leave": 10, "never": 0}), theirs)
    assert row_weights(labels, CLASSES, None) is None
    assert row_weights(labels, CLASSES, None, own) is own


def test_class_weights_are_of_the_training_rows_alone():
    """What is validated and tested keeps its own weights."""
    own = np.array([1, 2, 3], np.float32)
    data = dataset(np.array([0, 0, 1], np.int32), own)
    weighted = weight_training(data, "balanced")

    assert_allclose(weighted.train.weights, own * [0.75, 0.75, 1.5])
    assert weighted.val is data.val
    assert weighted.test is data.test


def test_weights_that_leave_nothing_to_learn_are_refused():
    """Whether it is the classes' or the rows' own."""
    labels = np.array([0, 1], np.int32)
    with pytest.raises(SettingError) as error:
        weight_training(dataset(labels), {"stay": 0, "leave": 0})
    (problem,) = error.value.problems
    assert problem.key == ("training", "class_weight")
    assert problem.what == "no training row is left with a weight above 0"
    with pytest.raises(MtrainError, match="here: no training row has a weight above 0"):
        weight_training(dataset(labels, np.zeros(2, np.float32)), None)
