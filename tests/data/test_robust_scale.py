"""Numbers scaled by median and quartiles, and clipped: `dataset.scale: robust`."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import dataset_config, read_inputs
from numpy.testing import assert_allclose
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, RobustScaler
from written_tables import AS_IT_IS, load, wine, write_csv

ROBUST = {**AS_IT_IS, "scale": "robust"}


def squashed(scaled):
    return scaled / np.sqrt(1 + (scaled / 3) ** 2)


@pytest.mark.parametrize("missing", [None, "mean", "median"])
def test_numbers_are_scaled_as_by_scikit_learn_and_then_clipped(tmp_path, missing):
    """Learned from the training split alone, after missing numbers are filled; categories are 0 or 1."""
    columns = wine(missing)
    columns["n0"][5] = 1e6  # an outlier
    path = write_csv(tmp_path / "wine.csv", columns)
    data = load(path, missing=missing, scale="robust", categorical=["house"], seed=3)

    numbers = np.array([columns[f"n{i}"] for i in range(3)], float).T
    words = np.array([columns["colour"], columns["house"], columns["sweet"]], str).T
    train = data.train.rows
    imputer = SimpleImputer(strategy=missing or "mean")
    scaler = RobustScaler(quantile_range=(25, 75)).fit(imputer.fit_transform(numbers[train]))
    one_hot = OneHotEncoder(sparse_output=False).fit(words[train])
    for split in data.splits.values():
        scaled = squashed(scaler.transform(imputer.transform(numbers[split.rows])))
        ones = one_hot.transform(words[split.rows])
        assert_allclose(split.features, np.hstack([ones[:, :3], scaled, ones[:, 3:]]), atol=1e-6)
    assert not any("far from the other values" in note for note in data.notes)


def test_columns_of_equal_quartiles_are_scaled_by_half_of_their_range(table):
    """2 (x - median) / (max - min); a constant column is 0."""
    rows = [f"{x},7,{'ab'[n % 2]}" for n, x in enumerate([0, 0, 0, 0, 0, 0, 0, -2, 6, 6])]
    data = load(table("\n".join(["x,k,y", *rows])), **ROBUST)

    scaled = 2 * np.array([0, 0, 0, 0, 0, 0, 0, -2, 6, 6]) / 8
    features = np.vstack([data.train.features, data.test.features])
    assert_allclose(features[:, 0], squashed(scaled), atol=1e-7)
    assert_allclose(features[:, 1], 0)


def test_numbers_however_far_are_at_most_three(table):
    """Rows to predict are not refused where their squares would overflow; a note says how many there are."""
    lines = [f"{1e-30 * n},{'ab'[n % 2]}" for n in range(9)]
    path = table("\n".join(["x,y", *lines]))
    data = load(path, **ROBUST)
    others = table("x\n1e38\n-1e38\n4e-30\n5e-30\n", "others.csv")
    config = dataset_config(name="csv", path=str(path), target="y", scale="robust")
    split, notes = read_inputs(others, config, data.encoding, 10**9)

    assert_allclose(split.features[:, 0], [3, -3, squashed(0.5 / 3.5), squashed(1.5 / 3.5)], rtol=1e-6)  # fmt: skip
    assert notes == (
        "WARNING: in 2 of 4 rows (50%) column 'x' is more than 10 times its interquartile range from "
        "its median in training; are numbers written as in training?",
    )
