"""Categories of few training rows are one: `dataset.rare`."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import dataset_config, read_inputs
from numpy.testing import assert_array_equal
from sklearn.preprocessing import OneHotEncoder
from written_tables import AS_IT_IS, load, refusal, write_csv

from mtrain.errors import UsageError
from mtrain.rivals.task import make_task

TABLE = "w,y\nx,p\nx,q\nother,p\nother,q\nonce,p\ntwin,q\n,p\nx,q\n"


@pytest.mark.parametrize("rare", [0, 1, 5, 20, 142])
def test_rare_categories_are_grouped_as_by_scikit_learn(tmp_path, rare):
    """By the rows of the training split; scikit-learn has no minimum of 0."""
    generator = np.random.default_rng(0)
    words = np.minimum(generator.geometric(0.2, 178), 20).astype(str)
    columns = {"w": [f"w{word}" for word in words], "y": ["ab"[n % 2] for n in range(178)]}
    data = load(write_csv(tmp_path / "t.csv", columns), rare=rare, scale="none", validation=None)

    texts = np.array(columns["w"], object)[:, None]
    oracle = OneHotEncoder(
        min_frequency=max(1, rare), handle_unknown="ignore", sparse_output=False
    ).fit(texts[data.train.rows])
    for split in data.splits.values():
        assert_array_equal(split.features, oracle.transform(texts[split.rows]))
    assert len(data.train) == 142


def test_what_is_called_other_is_not_mixed_with_what_is_rare(table):
    """A category of that name is one of its own; what is unseen or missing is neither, and flagged apart."""
    path = table(TABLE)
    settings = {**AS_IT_IS, "rare": 2, "missing": {"flag": True}}
    data = load(path, **settings)
    others = table("w,y\nother,\nonce,\ntwin,\nnew,\n,p\nx,\n", "others.csv")
    config = dataset_config(name="csv", path=str(path), target="y", **settings)
    split, notes = read_inputs(others, config, data.encoding, 10**9)

    (column,) = data.encoding.columns
    assert (column.categories, column.rare) == (("other", "x"), ("once", "twin"))
    assert_array_equal(
        split.features,
        [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]],
    )
    assert any("in 1 of 6 rows (17%) column 'w' has a category unseen" in note for note in notes)
    # Boosting has them as categories of one column.
    assert make_task(("boosting",), data, 0).categories == (slice(0, 4),)


def test_a_category_is_as_frequent_as_all_its_notations_together(table):
    """1, 1.0 and 1e0 are one category of three rows; 2 is rare, whatever it is written like."""
    path = table("c,y\n1,p\n1.0,q\n1e0,p\n2,q\n3,p\n3,q\n3,q\n2,p\n")
    data = load(path, **AS_IT_IS, rare=2, categorical=["c"])

    assert [(column.categories, column.rare) for column in data.encoding.columns] == [
        (("1", "3"), ("2",))
    ]
    assert_array_equal(data.test.features, [[0, 0, 1]])


def test_a_column_that_training_lacks_has_no_rare_categories(table):
    data = load(table("n,w,y\n1,,p\n2,,q\n3,,p\n4,x,q\n"), **AS_IT_IS, rare=2, missing="zero")

    assert [column.width for column in data.encoding.columns] == [1, 0]


def test_more_rows_than_there_are_to_train_on_are_refused(table):
    assert refusal(table(TABLE), **AS_IT_IS, rare=8, missing="zero") == (
        "dataset.rare: 8 is more than the 7 training rows: all categories would be one"
    )


@pytest.mark.parametrize("rare", [-1, 0.1])
def test_a_number_of_rows_is_wanted(rare):
    with pytest.raises(UsageError, match="rare: must be"):
        dataset_config(name="csv", path="t.csv", target="y", rare=rare)
