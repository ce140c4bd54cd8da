"""Folds of cross-validation, as `dataset.fold` takes them."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import StratifiedKFold

from mtrain.config.loading.load import config_to_yaml, load_config
from mtrain.data.load import load_dataset
from mtrain.errors import SettingError, UsageError

GOLDEN = [[2, 3, 5, 6], [0, 4, 9, 10], [1, 7, 8, 11]]
"""The test rows of three folds; others would be trained on by whoever continues a run."""


def arrays(tmp_path, labels, **others):
    """An npz file of one input a row, its own number."""
    path = tmp_path / "t.npz"
    np.savez(path, x=np.arange(len(labels))[:, np.newaxis], y=labels, **others)
    return path


def folds(path, k, **settings):
    """The splits of each of k folds."""
    settings = {"name": "npz", "path": str(path), "validation": None, **settings}
    return [load_dataset(dataset_config(fold=f"{i + 1}/{k}", **settings)).splits for i in range(k)]


def test_the_rows_of_a_fold_never_change(tmp_path):
    """Whoever draws them again, with other versions of libraries, gets the same ones."""
    found = folds(arrays(tmp_path, [0, 1, 0, 0] * 3), 3)

    assert [splits["test"].rows.tolist() for splits in found] == GOLDEN


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
@pytest.mark.parametrize("k", [2, 5, 7])
def test_folds_are_as_even_as_scikit_learns(tmp_path, load, k):
    """No row is lost or tested twice, and class counts are those of StratifiedKFold, in some order."""
    labels = load().target
    found = folds(arrays(tmp_path, labels), k)

    tested = [splits["test"].rows for splits in found]
    assert_array_equal(np.sort(np.concatenate(tested)), np.arange(len(labels)))
    for splits in found:
        both = np.concatenate([splits["train"].rows, splits["test"].rows])
        assert_array_equal(np.sort(both), np.arange(len(labels)))
    counts = np.array([np.bincount(labels[rows]) for rows in tested])
    theirs = [np.bincount(labels[rows]) for _, rows in StratifiedKFold(k).split(labels, labels)]
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert_array_equal(np.sort(counts, axis=0), np.sort(theirs, axis=0))


def test_validation_is_taken_out_of_the_other_folds(tmp_path):
    """In proportion, as without folds."""
    labels = np.repeat([0, 1], [60, 30])
    for splits in folds(arrays(tmp_path, labels), 3, validation=0.2):
        counts = {name: np.bincount(rows.labels).tolist() for name, rows in splits.items()}
        assert counts == {"train": [32, 16], "val": [8, 4], "test": [20, 10]}


def test_another_seed_draws_other_folds(tmp_path):
    """That of the data, not of the run."""
    path = arrays(tmp_path, [0, 1] * 20)
    first, second = (folds(path, 4, seed=seed)[0]["test"].rows.tolist() for seed in (0, 1))

    assert first != second


def test_every_set_without_a_test_split_has_folds():
    """Digits, and drawn points."""
    for name, n in (("digits", 1797), ("synthetic", 1000)):
        sizes = [
            len(load_dataset(dataset_config(name=name, fold=f"{i}/3")).test) for i in (1, 2, 3)
        ]
        assert sum(sizes) == n
        assert max(sizes) - min(sizes) <= 1


def test_a_fold_is_written_in_one_way():
    """As the saved config has it."""
    for written in ("2/5", " 2 / 5", "02/5"):
        config = load_config({"dataset": {"fold": written}}, {})
        assert config.dataset.fold == "2/5"
        assert "\n  fold: 2/5\n" in config_to_yaml(config)


@pytest.mark.parametrize("wrong", ["0/5", "6/5", "1/1", "1/1001", "2", "a/b", "-1/5", 0.4, 2, True])
def test_what_is_no_fold_is_refused(wrong):
    """With what a fold is."""
    with pytest.raises(UsageError) as error:
        dataset_config(fold=wrong)

    assert str(error.value).startswith(
        "config: dataset.fold: must be i/k, fold i of k, with i from 1 to k and k from 2 to 1,000, got "
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": 0.2}, "dataset.test: fold 1/5 is the test split; leave one out"),
        ({"name": "mnist"}, "dataset.fold: mnist has a test split"),
        (
            {"name": "npz", "path": "a", "test_path": "b"},
            "dataset.fold: dataset.test_path names the test split",
        ),
    ],
)
def test_there_is_one_test_split(settings, message):
    """A fold, `dataset.test` or that of the data."""
    with pytest.raises(UsageError) as error:
        dataset_config(fold="1/5", **settings)

    assert str(error.value) == f"config: {message}"


def test_data_with_a_test_split_have_no_folds(tmp_path):
    """Nor have data of fewer rows than folds."""
    x, y = np.zeros((4, 1)), [0, 1, 0, 1]
    path = tmp_path / "t.npz"
    np.savez(path, x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(SettingError) as error:
        folds(path, 2)
    assert str(error.value) == f"dataset.fold: {path} has a test split"
    with pytest.raises(SettingError) as error:
        folds(arrays(tmp_path, y), 5)
    assert str(error.value) == "dataset.fold: 5 folds of 4 rows leave a fold empty"
