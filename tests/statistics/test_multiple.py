from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from mtrain.statistics.multiple import holm

TRUTH = json.loads((Path(__file__).parent / "statsmodels_truth.json").read_text())


@pytest.mark.parametrize("family", TRUTH["holm"])
def test_holm_is_that_of_statsmodels(family):
    assert_allclose(holm(np.array(family["p"])), family["adjusted"], rtol=1e-12)


def test_a_test_that_was_not_made_counts_for_nothing():
    """Two of three were made: the smaller p-value is doubled, not tripled."""
    assert_array_equal(holm(np.array([0.02, np.nan, 0.5])), [0.04, np.nan, 0.5])
    assert holm(np.array([])).shape == (0,)
