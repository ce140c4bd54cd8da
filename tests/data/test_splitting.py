"""Which rows are trained, validated and tested on."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

from mtrain.data.load import load_dataset
from mtrain.errors import SettingError

GOLDEN = {
    "stratified": ([9, 10, 15, 16, 23], [0, 3, 13, 22]),
    "random": ([8, 9, 14, 15, 19], [3, 13, 21, 22]),
}
"""Rows of validation and test; others would be trained on by whoever goes on with a run."""

GOLDEN_SUBSET = [0, 1, 10, 15, 17, 23]


def splits(tmp_path, labels, **settings):
    """The splits of a table with these labels, and its classes."""
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)))
    data = load_dataset(dataset_config(name="csv", path=str(path), target="y", **settings))
    return data.splits, data.classes


def counts(tmp_path, rows, **settings):
    """Rows of each class in train, val and test, where there are so many in all: shape (3, K)."""
    labels = [f"class {k:03}" for k, n in enumerate(rows) for _ in range(n)]
    found, classes = splits(tmp_path, labels, **settings)
    return np.array([np.bincount(s.labels, minlength=len(classes)) for s in found.values()])


def test_the_rows_of_a_split_never_change(tmp_path):
    """Whoever draws them again, with other versions of libraries, gets the same ones."""
    labels = ["ab"[i % 4 == 0] for i in range(24)]

    drawn = {
        how: splits(tmp_path, labels, validation={"size": 5, "how": how}, test={"size": 4, "how": how})
        for how in ("stratified", "random")
    }  # fmt: skip
    rows = {how: {name: s.rows.tolist() for name, s in d[0].items()} for how, d in drawn.items()}

    assert {how: (some["val"], some["test"]) for how, some in rows.items()} == GOLDEN
    for some in rows.values():
        assert sorted(row for part in some.values() for row in part) == list(range(24))
    subset, _ = splits(tmp_path, labels, samples=6, seed=1, validation=None, test={"size": 4})
    assert subset["train"].rows.tolist() == GOLDEN_SUBSET


@pytest.mark.parametrize("rows", [[90, 5, 5], [3, 3, 94], [3, 3, 3, 91], [40, 30, 30], [97, 3]])
@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1])
def test_each_part_has_a_row_of_each_class_that_has_rows_enough(tmp_path, rows, seed):
    """Three rows are enough for three parts, and the sizes are what was asked for."""
    size = {"validation": {"size": 10}, "test": {"size": 10}}
    found = counts(tmp_path, rows, seed=seed, **size)

    assert found.min() >= 1
    assert found.sum(axis=1).tolist() == [80, 10, 10]
    assert found.sum(axis=0).tolist() == rows


def test_two_parts_take_two_rows(tmp_path):
    """Without validation, or with a test file, two rows of a class are enough."""
    found = counts(tmp_path, [96, 2, 2], validation=None, test={"size": 5})
    assert found.tolist() == [[93, 1, 1], [3, 1, 1]]
    test = tmp_path / "test.csv"
    test.write_text("x,y\n1,class 000\n")
    found = counts(tmp_path, [96, 2, 2], validation={"size": 5}, test_path=str(test))
    assert found.tolist() == [[93, 1, 1], [3, 1, 1], [1, 0, 0]]


def test_the_lone_row_of_a_class_is_trained_on(tmp_path):
    """The other classes are split in proportion all the same."""
    found = counts(tmp_path, [1, 50, 1, 48], validation={"size": 0.2}, test={"size": 0.2})

    assert found[:, [0, 2]].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert found.sum(axis=1).tolist() == [64, 16, 20]
    assert found[:, 1:4:2].min() >= 8


def test_a_class_of_two_rows_is_trained_on(tmp_path):
    """Of fewer rows than parts, one is in the training split, whatever the seed."""
    for seed in range(20):
        found = counts(tmp_path, [2, 98], seed=seed)
        assert found[0, 0] >= 1


@pytest.mark.parametrize("rows", [[90, 20, 10], [50, 50, 50], [1000, 333, 17, 650], [25] * 8])
@pytest.mark.parametrize("size", [0.1, 0.25, 60])
def test_proportions_are_scikit_learns(tmp_path, rows, size):
    """To within the row that equal remainders leave open."""
    found = counts(tmp_path, rows, validation=None, test={"size": size})
    labels = np.repeat(np.arange(len(rows)), rows)
    _, test = train_test_split(labels, test_size=found[1].sum(), stratify=labels, random_state=0)
    theirs = np.bincount(test, minlength=len(rows))
    exact = np.array(rows) * found[1].sum() / sum(rows)

    assert np.abs(found[1] - exact).max() < 1
    assert np.abs(theirs - exact).max() < 1
    remainders = exact % 1
    if len(set(np.round(remainders, 9))) == len(rows):
        assert_array_equal(found[1], theirs)


def test_equal_remainders_are_drawn(tmp_path):
    """Not always the first class has the row more."""
    taken = {
        tuple(counts(tmp_path, [50, 50, 50], seed=seed, validation=None, test={"size": 20})[1])
        for seed in range(20)
    }

    assert taken == {(6, 7, 7), (7, 6, 7), (7, 7, 6)}


def test_each_row_is_drawn_as_often_as_any_other(tmp_path):
    """Over 400 seeds each of 20 rows is in a test split of 5 about 100 times, in both ways."""
    labels = ["a"] * 12 + ["b"] * 8
    for how in ("random", "stratified"):
        times = np.zeros(20, int)
        for seed in range(400):
            found, _ = splits(
                tmp_path, labels, seed=seed, validation=None, test={"size": 5, "how": how}
            )
            times[found["test"].rows] += 1
        # Five standard deviations of a binomial, sqrt(400 x 0.25 x 0.75).
        assert np.abs(times - 100).max() < 5 * 8.7


def test_what_cannot_hold_each_class_is_refused(tmp_path):
    """In the test, in the validation, and in what is left to train on."""
    for settings, message in (
        ({"test": {"size": 2}}, "dataset.test.size: 2 of 60 rows cannot be stratified"),
        ({"validation": {"size": 2}}, "dataset.validation.size: 2 of 48 rows cannot be stratified"),
        ({"test": {"size": 55}}, "dataset.test.size: 55 of 60 rows cannot be stratified"),
        ({"validation": {"size": 46}}, "dataset.validation.size: 46 of 48 rows cannot be strat"),
    ):
        with pytest.raises(SettingError) as error:
            counts(tmp_path, [20, 20, 20], **settings)
        assert str(error.value).startswith(message)
