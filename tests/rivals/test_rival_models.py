"""Rivals are scikit-learn's models of the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from mtrain.records.dataset import Column, Dataset, Encoding, Split
from mtrain.records.rivals import RIVALS
from mtrain.rivals.models import train_rival
from mtrain.rivals.task import RivalTask, make_task

NUMBERS, LABELS = load_wine(return_X_y=True)
INPUTS = ((NUMBERS - NUMBERS.mean(axis=0)) / NUMBERS.std(axis=0)).astype(np.float32)


def task_of(inputs, labels, **others):
    settings = {"weights": None, "divisor": None, "categories": (), "n_classes": 3, "seed": 5}
    rows = np.arange(len(labels)) % 2 == 0
    return rows, RivalTask(
        tuple(RIVALS),
        inputs[rows],
        labels[rows].astype(np.int32),
        others={"test": inputs[~rows], "val": inputs[:0]},
        **(settings | others),
    )


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("logistic", LogisticRegression(max_iter=1000)),
        ("boosting", HistGradientBoostingClassifier(random_state=5)),
    ],
)
def test_a_rival_predicts_as_the_model_of_scikit_learn(name, model):
    """With the same weights of rows; a split without rows has no predictions."""
    weights = np.linspace(0.5, 2, 89)
    rows, task = task_of(INPUTS, LABELS, weights=weights)
    rival = train_rival(name, task)
    model.fit(INPUTS[rows], LABELS[rows], sample_weight=weights)
    assert (rival.problem, rival.notes) == (None, ())
    assert_array_equal(
        rival.probabilities["test"], model.predict_proba(INPUTS[~rows]).astype(np.float32)
    )
    assert rival.probabilities["val"].shape == (0, 3)


def test_inputs_are_divided_as_those_of_the_network():
    images, labels = load_digits(return_X_y=True)
    rows, task = task_of(images.astype(np.uint8), labels, divisor=16.0, n_classes=10)
    scaled = (images / 16).astype(np.float32)
    model = LogisticRegression(max_iter=1000).fit(scaled[rows], labels[rows])
    assert_array_equal(
        train_rival("logistic", task).probabilities["test"],
        model.predict_proba(scaled[~rows]).astype(np.float32),
    )


def one_hot(codes, width):
    return (codes[:, None] == np.arange(width)).astype(np.float32)


def test_boosting_takes_categories_as_categories():
    """From the inputs of each; a row without one, all of whose inputs are 0, has a missing one."""
    rng = np.random.default_rng(0)
    colours, sizes = rng.integers(-1, 4, 300), rng.integers(0, 3, 300)
    numbers = rng.normal(size=(300, 1)).astype(np.float32)
    labels = ((colours == 2) ^ (numbers[:, 0] > 0.5)).astype(np.int64)
    inputs = np.hstack([one_hot(colours, 4), numbers, one_hot(sizes, 3)])
    columns = (
        Column("colour", "text", categories=("a", "b", "c", "d")),
        Column("number", "number"),
        Column("size", "text", categories=("l", "m", "s")),
    )
    rows = np.arange(300) % 2 == 0
    splits = {
        name: Split(inputs[chosen], labels[chosen].astype(np.int32), np.flatnonzero(chosen))
        for name, chosen in (("train", rows), ("test", ~rows))
    }
    dataset = Dataset(("no", "yes"), splits, Encoding(columns=columns), "", "")
    task = make_task(("boosting",), dataset, 0)
    assert task.categories == (slice(0, 4), slice(5, 8))

    coded = np.column_stack([numbers, np.where(colours < 0, np.nan, colours), sizes])
    model = HistGradientBoostingClassifier(categorical_features=[1, 2], random_state=0)
    model.fit(coded[rows], labels[rows])
    rival = train_rival("boosting", task)
    assert_array_equal(
        rival.probabilities["test"], model.predict_proba(coded[~rows]).astype(np.float32)
    )
    assert (rival.probabilities["test"].argmax(axis=1) == labels[~rows]).mean() > 0.95


def test_a_column_of_many_categories_stays_an_input_each():
    """scikit-learn's boosting takes at most 255 of one column."""
    codes = np.arange(600) % 300
    inputs, labels = one_hot(codes, 300), (codes >= 150).astype(np.int64)
    rows, task = task_of(inputs, labels, categories=(slice(0, 300),), n_classes=2)
    model = HistGradientBoostingClassifier(random_state=5).fit(inputs[rows], labels[rows])
    assert_array_equal(
        train_rival("boosting", task).probabilities["test"],
        model.predict_proba(inputs[~rows]).astype(np.float32),
    )


@pytest.mark.parametrize("name", RIVALS)
def test_a_class_without_training_rows_is_never_probable(name):
    """As it is of a split whose classes the training has not all."""
    rows, task = task_of(INPUTS[LABELS < 2], LABELS[LABELS < 2], n_classes=3)
    scores = train_rival(name, task).probabilities["test"]
    assert scores.shape == ((~rows).sum(), 3)
    assert (scores[:, 2] == 0).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)


def test_what_goes_wrong_in_scikit_learn_is_the_problem_of_the_rival(monkeypatch):
    """In its own words, and so are warnings."""
    _, task = task_of(np.where(INPUTS > 2, np.nan, INPUTS), LABELS)
    problem = train_rival("logistic", task).problem
    assert problem.startswith("Input X contains NaN")
    monkeypatch.setattr("mtrain.rivals.models.MOST_ITERATIONS", 2)
    _, task = task_of(INPUTS, LABELS)
    (note,) = train_rival("logistic", task).notes
    assert note.startswith("lbfgs failed to converge")


@pytest.mark.parametrize("name", RIVALS)
def test_rows_of_one_class_are_nothing_to_learn_from(name):
    _, task = task_of(INPUTS, np.zeros(len(INPUTS), np.int64))
    assert train_rival(name, task).problem == "all training rows are of one class"


def test_boosting_learns_from_many_rows_with_a_class_of_one():
    """Above 10,000 rows scikit-learn would part them by class to stop early, and fail."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(24_000, 2)).astype(np.float32)
    labels = (inputs[:, 0] > 0).astype(np.int64)
    labels[0] = 2
    rows, task = task_of(inputs, labels)
    rival = train_rival("boosting", task)
    assert rival.problem is None
    assert (rival.probabilities["test"].argmax(axis=1) == labels[~rows]).mean() > 0.95
