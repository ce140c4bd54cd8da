"""Labels that are flipped on purpose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import dataset_config

from mtrain.data.flips import flip_labels, share_to_flip
from mtrain.data.load import load_dataset
from mtrain.errors import UsageError
from mtrain.keywords import naming_keywords


@pytest.fixture(scope="module")
def digits():
    return load_dataset(dataset_config(name="digits"), memory=10**9, progress=False)


def with_training_labels(dataset, labels):
    labels = np.array(labels, np.int32)
    train = replace(dataset.train, labels=labels, rows=np.arange(len(labels)))
    return replace(dataset, splits={**dataset.splits, "train": train})


@pytest.mark.parametrize("share", [0.05, 0.2, 0.49])
def test_a_share_of_each_split_has_another_class(digits, share):
    """Exactly that share, to the nearest row; nothing else is changed, nor the data that came."""
    before = {name: split.labels.copy() for name, split in digits.splits.items()}
    flipped = flip_labels(digits, share, seed=3)

    assert list(flipped.splits) == ["train", "val", "test"]
    for name, split in flipped.splits.items():
        assert (split.labels != before[name]).sum() == round(share * len(split))
        assert split.labels.dtype == np.int32
        assert split.features is digits.splits[name].features
        assert split.rows is digits.splits[name].rows
        assert np.array_equal(digits.splits[name].labels, before[name])


def test_the_same_seed_flips_the_same_labels_alike(digits):
    """Another seed others; of the same draw a smaller share flips a part of a larger one."""
    one, again, other, more = (
        flip_labels(digits, share, seed).train.labels
        for share, seed in ((0.1, 0), (0.1, 0), (0.1, 1), (0.2, 0))
    )
    was = digits.train.labels
    assert np.array_equal(one, again)
    assert not np.array_equal(one != was, other != was)
    assert np.array_equal(more[one != was], one[one != was])


def test_every_other_class_is_equally_likely(digits):
    """Of 45,000 flipped labels, 500 go from each of ten classes to each other, but for chance."""
    was = np.arange(100_000) % 10
    now = flip_labels(with_training_labels(digits, was), 0.45, seed=0).train.labels
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (was[was != now], now[was != now]), 1)

    assert counts.sum() == 45_000
    assert counts.diagonal().sum() == 0
    chi_squared = ((counts[~np.eye(10, dtype=bool)] - 500) ** 2 / 500).sum()
    assert chi_squared < 150  # 89 degrees of freedom: once in 10,000 draws


def test_two_classes_are_swapped(digits):
    was = np.arange(100) % 2
    now = flip_labels(with_training_labels(digits, was), 0.1, seed=0).train.labels
    assert (now != was).sum() == 10
    assert set(now) == {0, 1}


def test_no_label_becomes_a_class_without_training_rows(digits):
    """Not even one of such a class, of which the test has rows."""
    was = np.array([2, 5, 7] * 40)
    flipped = flip_labels(with_training_labels(digits, was), 0.45, seed=0)
    test = digits.test.labels

    assert set(flipped.train.labels) == {2, 5, 7}
    changed = flipped.test.labels != test
    assert changed.sum() == round(0.45 * len(test))
    assert set(flipped.test.labels[changed]) == {2, 5, 7}


def test_a_small_split_has_one_flipped_label(digits):
    """Without any there would be no recall."""
    was = [0, 0, 0, 0, 1, 1, 1, 1]
    now = flip_labels(with_training_labels(digits, was), 0.01, seed=0).train.labels
    assert (now != was).sum() == 1


def test_what_cannot_be_flipped_is_refused(digits):
    """A single class before, or after."""
    with pytest.raises(UsageError, match=r"^--suspects: .*: all training rows are of one class$"):
        flip_labels(with_training_labels(digits, [3, 3, 3]), 0.1, seed=0)
    two_rows = with_training_labels(digits, [0, 1])
    with pytest.raises(UsageError, match="2 training rows are too few: flipped, all are of one"):
        flip_labels(two_rows, 0.1, seed=0)


def test_the_share_that_is_asked_for():
    """Of nothing else than the lists of suspects."""
    assert share_to_flip(None, suspects=False) is None
    assert share_to_flip(None, suspects=True) == 0.05
    assert share_to_flip(0.3, suspects=True) == 0.3
    with pytest.raises(UsageError, match=r"^--flip: needs --suspects$"):
        share_to_flip(0.3, suspects=False)
    with naming_keywords(), pytest.raises(UsageError, match=r"^flip: needs suspects=True$"):
        share_to_flip(0.3, suspects=False)


@pytest.mark.parametrize("share", [0, 0.5, 1, -0.1, float("nan")])
def test_shares_that_cannot_be(share):
    """Of two classes, with half of the labels flipped none would tell anything."""
    with pytest.raises(UsageError, match=r"^--flip: must be above 0 and below 0\.5, got "):
        share_to_flip(share, suspects=True)
