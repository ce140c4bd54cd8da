from __future__ import annotations

import pytest
from scipy import stats

from benchmarks import tables


@pytest.mark.slow
def test_iris_is_learned_as_well_as_by_scikit_learn(tmp_path):
    """Over ten splits; by SciPy's paired t test as well as by the benchmark's own."""
    found = tables.compare("iris", "csv", tmp_path)

    test = stats.ttest_rel(found.ours, found.theirs, alternative="less")
    assert found.is_worse == (test.pvalue < 0.05)
    assert not found.is_worse
    assert min(found.ours) > 0.85


def test_csv_and_parquet_teach_the_same(tmp_path):
    """The same numbers, the same labels, the same accuracy."""
    data = tables.DATA["wine"]()
    for kind in tables.KINDS:
        for name, part in (("train", slice(0, None, 2)), ("test", slice(1, None, 2))):
            path = tmp_path / f"{name}.{kind}"
            tables.write_table(path, data.feature_names, data.data[part], data.target[part])
    accuracies = []
    for kind in tables.KINDS:
        accuracies.append(tables.mtrain_accuracy(tmp_path, kind, seed=0))
        (tmp_path / "run").rename(tmp_path / kind)

    assert accuracies[0] == accuracies[1] > 0.9
    runs = [(tmp_path / kind / "history.csv").read_text().splitlines() for kind in tables.KINDS]
    assert runs[0][0] == runs[1][0]
    predictions = [
        (tmp_path / kind / "evaluation" / "test" / "predictions.npz").read_bytes()
        for kind in tables.KINDS
    ]
    assert predictions[0] == predictions[1]
