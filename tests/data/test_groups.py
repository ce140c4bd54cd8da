"""Rows that belong together: splits and folds of whole groups."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedGroupKFold
from written_tables import load, refusal

from mtrain.data.load import load_dataset
from mtrain.errors import UsageError

GOLDEN = {
    "stratified": [2, 4, 12, 13],
    "random": [2, 4, 12, 13],
    "tail": [11, 12, 13, 14],
    "fold": [5, 6, 7, 13],
}
"""Groups of the test split; others would be trained on by whoever continues a run."""


def grouped(n=300, n_groups=40, n_classes=3, seed=0):
    """Labels and groups of rows; each group has a class of its own that most of its rows have."""
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, n_groups, n)
    labels = np.where(generator.random(n) < 0.7, groups, generator.integers(0, n_classes, n))
    return labels % n_classes, groups


def splits(tmp_path, labels, groups, **settings):
    """The splits of an npz file, whose single input is the number of the row."""
    path = tmp_path / "t.npz"
    np.savez(path, x=np.arange(len(labels))[:, np.newaxis], y=labels, g=groups)
    config = dataset_config(name="npz", path=str(path), groups="g", **settings)
    return load_dataset(config).splits


def check_whole(found, groups):
    """Each row is in one split, and each group."""
    rows = np.concatenate([split.rows for split in found.values()])
    assert_array_equal(np.sort(rows), np.arange(len(groups)))
    names = [set(groups[split.rows].tolist()) for split in found.values()]
    assert sum(map(len, names)) == len(set().union(*names))


@pytest.mark.parametrize("how", ["stratified", "random", "tail"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_group_is_never_parted(tmp_path, how, seed):
    """And the sizes are as near what was asked for as a group can be."""
    labels, groups = grouped(seed=seed)
    asked = {"size": 60, "how": how}
    found = splits(tmp_path, labels, groups, validation=asked, test=asked, seed=seed)

    check_whole(found, groups)
    largest = np.bincount(groups).max()
    for name in ("val", "test"):
        assert abs(len(found[name]) - 60) <= largest / 2


def test_a_stratified_split_keeps_the_share_of_each_class(tmp_path):
    """As nearly as groups can be; a class of enough groups is in each split."""
    labels, groups = grouped(900, 150)
    labels[groups < 3] = 3  # a fourth class, in three groups
    found = splits(tmp_path, labels, groups)

    check_whole(found, groups)
    counts = np.array([np.bincount(rows.labels, minlength=4) for rows in found.values()])
    assert counts.min() >= 1
    share = counts / np.bincount(labels)
    assert np.abs(share[2, :3] - 0.2).max() < 0.02
    assert np.abs(share[1, :3] - 0.16).max() < 0.02


def test_groups_of_one_row_are_rows(tmp_path):
    """Sizes are what was asked for, and proportions within a row."""
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    found = splits(tmp_path, labels, np.arange(200), validation=None, test=50)

    assert np.bincount(found["test"].labels).tolist() == [25, 15, 10]


def test_the_last_groups_are_those_of_the_last_rows(tmp_path):
    """A group that begins early and ends late goes with the late ones."""
    groups = np.array([0, 0, 9, 1, 1, 1, 2, 2, 3, 9])
    labels = np.array([0, 1] * 5)
    found = splits(tmp_path, labels, groups, validation=None, test={"size": 3, "how": "tail"})

    assert found["test"].rows.tolist() == [2, 8, 9]


@pytest.mark.parametrize("k", [2, 5])
def test_folds_of_groups_are_as_even_as_scikit_learns(tmp_path, k):
    """No row is lost or tested twice, and sizes and class counts are about as StratifiedGroupKFold's."""
    labels, groups = grouped(1000, 80)
    tested = []
    for i in range(k):
        found = splits(tmp_path, labels, groups, fold=f"{i + 1}/{k}")
        check_whole(found, groups)
        tested.append(found["test"].rows)
    theirs = [rows for _, rows in StratifiedGroupKFold(k).split(labels, labels, groups)]

    def farthest(rows_of_folds):
        shares = [np.bincount(labels[rows]) / np.bincount(labels) for rows in rows_of_folds]
        return np.abs(np.array(shares) - 1 / k).max()

    assert_array_equal(np.sort(np.concatenate(tested)), np.arange(1000))
    assert max(map(len, tested)) - min(map(len, tested)) <= np.bincount(groups).max()
    assert farthest(tested) < farthest(theirs) + 0.02


def test_the_groups_of_a_split_never_change(tmp_path):
    """Whoever draws them again, with other versions of libraries, gets the same ones."""
    labels, groups = np.arange(60) % 7 % 2, np.arange(60) // 4
    settings = {
        how: {"test": {"size": 0.25, "how": how}} for how in ("stratified", "random", "tail")
    }
    found = {
        how: np.unique(
            groups[splits(tmp_path, labels, groups, validation=None, **chosen)["test"].rows]
        ).tolist()
        for how, chosen in (*settings.items(), ("fold", {"fold": "2/4"}))
    }

    assert found == GOLDEN


def wine_table(path, **columns):
    """Wine with columns more, as CSV or Parquet."""
    wine = load_wine()
    content = {
        "alcohol": wine.data[:, 0],
        "hue": wine.data[:, 10],
        "y": [f"c{k}" for k in wine.target],
        **columns,
    }
    if path.suffix == ".parquet":
        pq.write_table(pa.table(content), path)
    else:
        lines = [
            ",".join(content),
            *(",".join(map(str, row)) for row in zip(*content.values(), strict=True)),
        ]
        path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_of_a_table_has_the_groups(tmp_path, kind):
    """Text or numbers; it is learned from only where it is named."""
    vineyard = np.arange(178) * 7 % 23
    path = wine_table(tmp_path / f"t.{kind}", vineyard=vineyard, house=[f"h{v}" for v in vineyard])

    for name in ("vineyard", "house"):
        data = load(path, groups=name, features=["alcohol", "hue"])
        check_whole(data.splits, vineyard)
        for split in data.splits.values():
            same = vineyard[split.rows][:, None] == vineyard[split.rows]
            assert_array_equal(split.groups[:, None] == split.groups, same)
    names = [column.name for column in load(path, groups="house").encoding.columns]
    assert names == ["alcohol", "hue", "vineyard"]
    learned = load(path, groups="house", features=["house", "hue"], categorical=["house"])
    assert [column.name for column in learned.encoding.columns] == ["house", "hue"]


def test_groups_are_part_of_the_fingerprint(tmp_path):
    """Which rows are together, not what the groups are called; without groups nothing changes."""
    labels = np.arange(178)
    path = wine_table(
        tmp_path / "t.csv", a=labels // 3, b=[f"g{k // 3:03}" for k in labels], c=labels
    )
    of = {
        name: load(path, features=["hue"], groups=name, validation=None).sha256
        for name in (None, "a", "b", "c")
    }

    assert of["a"] == of["b"]
    assert len(set(of.values())) == 3


def test_a_group_has_one_number_in_all_splits(tmp_path):
    """Where the data bring their splits, a group may be in two of them."""
    for name, patients in (("train", "a,b,a,c"), ("test", "b,d,1,1.0")):
        lines = [f"{i},{'xy'[i % 2]},{patient}" for i, patient in enumerate(patients.split(","))]
        (tmp_path / f"{name}.csv").write_text("\n".join(["n,y,patient", *lines]))
    data = load(tmp_path, name="csv", groups="patient", validation=None)

    assert data.train.groups.tolist() == [1, 2, 1, 3]
    assert data.test.groups.tolist() == [2, 4, 0, 0]


HEAD = "n,y,patient\n"


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (["0,a,p", "1,b,", "2,b,q"], {}, "PATH:3: column 'patient': a value is missing"),
        (["0,a,p", "1,b,p"] * 3, {}, "dataset.test: 1 group cannot be parted into 3 splits"),
        (
            ["0,a,p", "1,b,p", "2,a,q", "3,b,r"],
            {"fold": "1/4"},
            "dataset.fold: 4 folds of 3 groups leave a fold empty",
        ),
        (
            ["0,a,p", "1,b,p", "2,a,q", "3,a,r"],
            {},
            "PATH: class 'b' is in one group only, which cannot be in two splits; "
            "how: random takes groups of any class",
        ),
        (
            ["0,a,p", "1,b,p", "2,c,q", "3,d,r", "4,e,s"],
            {"fold": "1/2"},
            "PATH: classes 'a', 'b', 'c', 2 more are each in one group only, which cannot be in two "
            "splits; leave the class out",
        ),
        (["0,a,p"], {"groups": "patent"}, "dataset.groups: PATH has no column 'patent'; did you mean 'patient'?"),
    ],
)  # fmt: skip
def test_groups_that_cannot_be_kept_together_are_refused(table, rows, settings, message):
    """In one line, with the place or the class."""
    assert refusal(table(HEAD + "\n".join(rows)), **{"groups": "patient", **settings}) == message


def test_rows_without_a_group_may_be_dropped(table):
    """As rows that lack anything else, where `dataset.missing` is drop."""
    path = table(HEAD + "0,a,p\n1,b,\n2,b,q\n3,a,q\n4,b,p\n5,a,r\n6,b,r")
    data = load(path, groups="patient", missing="drop")

    assert sum(map(len, data.splits.values())) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": "y"}, "groups: 'y' is dataset.target already"),
        ({"groups": "w", "weights": "w"}, "groups: 'w' is dataset.weights already"),
        ({"groups": "g", "exclude": ["g"]}, "exclude: 'g' is dataset.groups already"),
        ({"groups": "g", "categorical": ["g"]}, "categorical: 'g' is dataset.groups already"),
    ],
)
def test_a_column_has_one_use(settings, message):
    """That of groups may be learned from as well, where it is named."""
    with pytest.raises(UsageError) as error:
        dataset_config(name="csv", path="t.csv", target="y", **settings)

    assert str(error.value) == f"config: dataset.{message}"


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(3), "training groups must be one number or text a row, got float64 (3,)"),
        (np.zeros((4, 2)), "training groups must be one number or text a row, got float64 (4, 2)"),
        (np.array([1, np.nan, 2, 3]), "training groups: row 1 has none"),
        (np.array(["a", "b", " ", "c"]), "training groups: row 2 has none"),
    ],
)
def test_wrong_arrays_of_groups_are_refused(tmp_path, groups, message):
    """With what they are."""
    with pytest.raises(Exception) as error:  # noqa: PT011 -- its text is compared
        splits(tmp_path, [0, 1, 0, 1], groups)

    assert str(error.value) == f"{tmp_path / 't.npz'}: {message}"
