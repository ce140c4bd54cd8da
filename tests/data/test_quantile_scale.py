"""Numbers mapped by quantiles to a normal distribution: `dataset.scale: quantile`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer
from written_tables import AS_IT_IS, load, write_csv

QUANTILE = {**AS_IT_IS, "scale": "quantile"}


def written(path, numbers):
    return write_csv(path, {"x": numbers.tolist(), "y": ["ab"[n % 2] for n in range(len(numbers))]})


@pytest.mark.parametrize("rows", [20, 256, 2000])
def test_knots_and_levels_are_those_of_scikit_learn(tmp_path, rows):
    """Of the training split alone; between its knots numbers are mapped linearly, and none is beyond them."""
    numbers = np.random.default_rng(rows).lognormal(size=rows + 1)
    numbers[rows] = 1e9  # to test on
    data = load(written(tmp_path / "t.csv", numbers), **QUANTILE)
    (column,) = data.encoding.columns

    n = min(rows, 256)
    oracle = QuantileTransformer(n_quantiles=n, output_distribution="normal", subsample=None)
    oracle.fit(numbers[:rows, None])
    knots = oracle.quantiles_[:, 0]
    levels = oracle.transform(knots[:, None])[:, 0]
    assert_allclose(column.knots, knots, rtol=1e-12)
    assert_allclose(column.levels, levels, atol=1e-6)
    assert_allclose(
        data.train.features[:, 0], np.interp(numbers[:rows], knots, levels), rtol=1e-5, atol=1e-6
    )
    assert_allclose(data.test.features, [[levels[-1]]], rtol=1e-6)


def test_equal_numbers_are_at_the_middle_of_their_shares(tmp_path):
    """Half of them are 0: these are at the quarter, not beyond all others; a constant is 0."""
    numbers = np.array([0, 0, 0, 0, 1, 2, 3, 4, 5])
    data = load(written(tmp_path / "t.csv", numbers), **QUANTILE)
    constant = load(written(tmp_path / "c.csv", np.full(9, 3)), **QUANTILE)

    features = data.train.features[:, 0]
    assert_allclose(features[[0, 3, 5]], norm.ppf([1.5 / 7, 1.5 / 7, 5 / 7]), rtol=1e-6)
    assert_allclose(constant.train.features, 0, atol=1e-12)
