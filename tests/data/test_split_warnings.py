"""What is said of splits that the data bring: shared groups, and columns that tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from mtrain.config.loading.load import load_config
from mtrain.data.telling_splits import _pairs
from mtrain.workflows.check import check


def table(path, rows, seed, *, shift=0.0, site="abc", first=0):
    """A table of two classes with a number, a category, a patient and a number of the row."""
    generator = np.random.default_rng(seed)
    lines = [
        f"{first + i},{generator.normal(shift):.4f},{generator.normal():.4f},"
        f"{generator.choice(list(site))},p{(first + i) // 4},{'xy'[i % 2]}"
        for i in range(rows)
    ]
    path.write_text("\n".join(["row,a,b,site,patient,y", *lines]))


def warnings(folder, kinds=("shared-groups", "telling-split"), **settings):
    """The warnings of these kinds, of the tables in a folder."""
    dataset = {"name": "csv", "path": str(folder), "target": "y", "validation": None, **settings}
    found = check(load_config({"dataset": dataset}, {})).warnings
    return [str(note) for note in found if note.kind in kinds]


def test_groups_in_two_splits_are_counted(tmp_path):
    """Of the data's own splits; those that are drawn share none."""
    table(tmp_path / "train.csv", 200, 0)
    table(tmp_path / "val.csv", 80, 1, first=400)
    table(tmp_path / "test.csv", 80, 1, first=180)
    (said,) = warnings(tmp_path, groups="patient", validation={})

    assert said == (
        "5 of 20 groups of test have training rows as well (20 rows): figures of test are too good for "
        "new groups"
    )
    assert warnings(tmp_path / "train.csv", groups="patient") == []


def test_a_column_that_tells_the_splits_apart_is_named(tmp_path):
    """A number that is shifted, and a category that is rare, or new; not the number of the row."""
    table(tmp_path / "train.csv", 400, 0)
    table(tmp_path / "test.csv", 200, 1, shift=1.5, site="cd", first=400)
    said = warnings(tmp_path)

    columns = [line.split(" tells ")[0] for line in said]
    assert columns == ["column 'a'", "column 'site'", "column 'patient'"]
    assert all("tells test rows from training rows: of " in line for line in said)
    assert all(line.endswith("(p < 1e-9); were the splits gathered differently?") for line in said)


def test_splits_that_are_alike_are_not_told_apart(tmp_path):
    """By chance in none of ten pairs of splits, whose columns are all drawn alike."""
    for seed in range(10):
        table(tmp_path / "train.csv", 300, 2 * seed)
        table(tmp_path / "test.csv", 90, 2 * seed + 1, first=300)
        assert warnings(tmp_path, exclude=["patient"]) == []


def test_a_drawn_split_is_not_examined(tmp_path):
    """The last rows may well be unlike the first, which the user asked for."""
    table(tmp_path / "t.csv", 100, 0)
    more = tmp_path / "more.csv"
    table(more, 100, 1, shift=9)
    with (tmp_path / "t.csv").open("a") as file:
        file.write("\n" + more.read_text().split("\n", 1)[1])

    assert warnings(tmp_path / "t.csv", test={"size": 100, "how": "tail"}) == []


@pytest.mark.parametrize("levels", [4, 1000])
def test_the_share_of_pairs_is_mann_and_whitneys(levels):
    """With its p-value, corrected for ties."""
    generator = np.random.default_rng(0)
    first, second = (
        generator.integers(0, levels, 90),
        generator.integers(0, levels, 60) + levels // 8,
    )
    theirs = mannwhitneyu(
        second, first, alternative="greater", use_continuity=False, method="asymptotic"
    )
    share, p = _pairs(first.astype(float), second.astype(float))

    assert share == pytest.approx(theirs.statistic / 5400)
    assert p == pytest.approx(theirs.pvalue)


def test_folds_by_the_config_have_no_shared_groups(tmp_path):
    """Nor do they, by any seed."""
    table(tmp_path / "t.csv", 120, 0)
    for seed in range(3):
        settings = {"groups": "patient", "fold": "2/5", "seed": seed}
        assert warnings(tmp_path / "t.csv", **settings) == []
