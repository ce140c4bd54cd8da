"""An input more for each column that lacks values: `dataset.missing: {fill: median, flag: true}`."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import dataset_config, read_inputs
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler
from written_tables import AS_IT_IS, load, wine, write_csv

from mtrain.config.loading.axes import parse_axes
from mtrain.config.loading.load import flat_settings, load_config
from mtrain.errors import UsageError
from mtrain.rivals.task import make_task

TABLE = "n,full,word,y\n1,1,a,p\n,2,,q\n3,3,b,p\n5,4,a,q\n7,5,b,p\n,6,,q\n"
FLAGGED = {**AS_IT_IS, "missing": {"fill": "mean", "flag": True}}


@pytest.mark.parametrize("fill", ["mean", "median", "zero"])
def test_numbers_are_flagged_as_by_scikit_learn(tmp_path, fill):
    """The flag of a number follows it, and is not scaled."""
    columns = wine("gaps")
    columns["n1"] = [1.5 * row for row in range(178)]  # which lacks nothing
    names = ["n0", "n1", "n2"]
    path = write_csv(tmp_path / "wine.csv", columns)
    data = load(path, missing={"fill": fill, "flag": True}, features=names, seed=3)

    numbers = np.array([columns[name] for name in names], float).T
    how = {"strategy": "constant", "fill_value": 0.0} if fill == "zero" else {"strategy": fill}
    imputer = SimpleImputer(**how, add_indicator=True).fit(numbers[data.train.rows])
    scaler = StandardScaler().fit(imputer.transform(numbers[data.train.rows])[:, :3])
    for split in data.splits.values():
        imputed = imputer.transform(numbers[split.rows])
        expected = np.hstack([scaler.transform(imputed[:, :3]), imputed[:, 3:]])
        assert_allclose(split.features, expected[:, [0, 3, 1, 2, 4]], atol=1e-6)


def test_a_missing_category_is_an_input_of_its_own(table):
    """By hand: mean 4 of the numbers; a column that lacks nothing in training has no flag."""
    data = load(table(TABLE), **FLAGGED)

    assert_array_equal(
        np.vstack([data.train.features, data.test.features]),
        [
            [1, 0, 1, 1, 0, 0],
            [4, 1, 2, 0, 0, 1],
            [3, 0, 3, 0, 1, 0],
            [5, 0, 4, 1, 0, 0],
            [7, 0, 5, 0, 1, 0],
            [4, 1, 6, 0, 0, 1],
        ],
    )
    assert [column.width for column in data.encoding.columns] == [2, 1, 3]


def test_what_is_missing_in_rows_to_predict_is_flagged_where_training_lacked_it(table):
    """Where it did not, the fill alone stands for it; notes tell which."""
    path = table(TABLE)
    data = load(path, **FLAGGED)
    others = table("n,full,word\n,,\n2,2,c\n", "others.csv")
    config = dataset_config(name="csv", path=str(path), target="y", **FLAGGED)
    split, notes = read_inputs(others, config, data.encoding, 10**9)

    assert_array_equal(split.features, [[4, 1, 3, 0, 0, 1], [2, 0, 2, 0, 0, 0]])
    assert [note for note in notes if "missing" in note] == [
        "in 1 of 2 rows (50%) column 'n' is missing; 4 stands for it and an input of its own is 1",
        "in 1 of 2 rows (50%) column 'full' is missing; 3 stands for it",
        "in 1 of 2 rows (50%) column 'word' is missing; an input of its own is 1",
    ]


def test_boosting_takes_a_flagged_gap_as_a_category(table):
    """A missing text is one among the categories of its column; numbers and their flags are others."""
    data = load(table(TABLE), **FLAGGED)

    assert make_task(("boosting",), data, 0).categories == (slice(3, 6),)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("median", "median"),
        ("{fill: zero}", "zero"),
        ("{flag: true}", {"fill": "median", "flag": True}),
        ("{fill: mean, flag: true}", {"fill": "mean", "flag": True}),
        ("null", None),
    ],
)
def test_settings_are_written_in_a_short_form_or_a_long_one(written, meant):
    """A run's config has the shortest; the other ways are read from it as well."""
    overrides, _ = parse_axes([f"dataset.missing={written}"])
    config = load_config({"dataset": {"name": "csv", "path": "a", "target": "y"}}, overrides)

    dumped = config.model_dump(mode="json")
    assert dumped["dataset"]["missing"] == meant
    assert load_config(dumped, {}) == config


def test_one_of_its_settings_can_be_overridden_and_swept():
    source = {"dataset": {"name": "csv", "path": "a", "target": "y", "missing": "mean"}}
    config = load_config(source, {"dataset.missing.flag": True})
    _, (axis,) = parse_axes(["dataset.missing=mean,{fill: mean, flag: true}"])

    assert flat_settings(config)["dataset.missing.flag"] is True
    assert axis.values == ("mean", {"fill": "mean", "flag": True})


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        (
            {"fill": "drop", "flag": True},
            "dataset.missing.flag: is for values that are filled; fill: drop leaves their rows out",
        ),
        ("meen", "dataset.missing: unknown name 'meen'; did you mean 'mean'?"),
        ({"fill": "meen"}, "dataset.missing.fill: unknown name 'meen'; did you mean 'mean'?"),
        ({"flag": 1}, "dataset.missing.flag: must be true or false, got 1; write true"),
        (5, "dataset.missing: must be 'mean', 'median', 'zero' or 'drop', got 5"),
        (
            {"flags": True},
            "dataset.missing.flags: unknown setting; did you mean 'flag'?",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(missing, message):
    source = {"dataset": {"name": "csv", "path": "a", "target": "y", "missing": missing}}
    with pytest.raises(UsageError) as error:
        load_config(source, {})

    assert str(error.value) == f"config: {message}"
