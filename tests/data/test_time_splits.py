"""Splits and folds in the order of time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

import numpy as np
import pytest
from conftest import dataset_config
from numpy.testing import assert_array_equal
from sklearn.model_selection import TimeSeriesSplit
from written_tables import load, refusal

from mtrain.data.load import load_dataset
from mtrain.errors import SettingError, UsageError

LATEST = {"size": 3, "how": "time"}


def splits(tmp_path, times, groups=None, **settings):
    """The splits of an npz file, whose single input is the number of the row."""
    n = len(times)
    path = tmp_path / "t.npz"
    others = {} if groups is None else {"g": groups}
    np.savez(path, x=np.arange(n)[:, np.newaxis], y=np.arange(n) % 2, when=times, **others)
    named = {} if groups is None else {"groups": "g"}
    settings = {"validation": None, **named, **settings}
    config = dataset_config(name="npz", path=str(path), time="when", **settings)
    return load_dataset(config).splits


def test_the_latest_rows_are_tested_and_those_before_validate(tmp_path):
    """Wherever they stand in the file."""
    times = np.random.default_rng(0).permutation(100) / 7
    found = splits(
        tmp_path, times, test={"size": 20, "how": "time"}, validation={"size": 0.25, "how": "time"}
    )

    assert [len(found[name]) for name in ("train", "val", "test")] == [60, 20, 20]
    train, val, test = (times[found[name].rows] for name in ("train", "val", "test"))
    assert train.max() < val.min()
    assert val.max() < test.min()


@pytest.mark.parametrize(
    ("times", "tested"),
    [
        ([1, 2, 3, 4, 4, 4, 4, 5], [7]),
        ([1, 2, 3, 4, 4, 4, 5, 5], [6, 7]),
        ([1, 2, 3, 4, 4, 5, 5, 5], [5, 6, 7]),
        ([5, 5, 5, 5, 5, 5, 1, 1], [0, 1, 2, 3, 4, 5]),
    ],
)
def test_rows_of_one_time_are_not_parted(tmp_path, times, tested):
    """All go to the side where the size is nearer to what was asked for."""
    assert splits(tmp_path, np.array(times), test=LATEST)["test"].rows.tolist() == tested


def test_a_group_is_not_parted_in_time(tmp_path):
    """The boundary lies where no group has rows on both sides."""
    times, groups = np.arange(10), np.array([0, 0, 0, 1, 1, 2, 1, 2, 3, 3])
    assert splits(tmp_path, times, groups, test=LATEST)["test"].rows.tolist() == [8, 9]
    with pytest.raises(SettingError) as error:
        splits(tmp_path, times, np.arange(10) % 2, test=LATEST)
    assert str(error.value) == "dataset.test: no time parts the 10 rows without parting a group"
    with pytest.raises(SettingError) as error:
        splits(tmp_path, np.ones(10), test=LATEST)
    assert str(error.value) == "dataset.test: no time parts the 10 rows"


@pytest.mark.parametrize("n", [12, 23, 60])
@pytest.mark.parametrize("k", [2, 5])
def test_folds_in_time_are_scikit_learns(tmp_path, n, k):
    """Each is tested after training on all rows before it."""
    order = np.random.default_rng(n).permutation(n)
    times = np.empty(n)
    times[order] = np.arange(n)
    theirs = TimeSeriesSplit(k).split(np.zeros(n))
    for i, (train, test) in enumerate(theirs):
        found = splits(tmp_path, times, fold=f"{i + 1}/{k}")
        assert_array_equal(found["train"].rows, np.sort(order[train]))
        assert_array_equal(found["test"].rows, np.sort(order[test]))


def test_folds_in_time_part_neither_times_nor_groups(tmp_path):
    """Blocks are moved to where rows can be parted, and may then differ in size."""
    times = np.repeat(np.arange(8), [1, 5, 2, 2, 4, 1, 1, 4])
    groups = np.array([0] * 6 + list(range(1, 15)))
    tested = [splits(tmp_path, times, groups, fold=f"{i}/3") for i in (1, 2, 3)]

    assert [np.unique(times[found["test"].rows]).tolist() for found in tested] == [
        [2, 3],
        [4, 5],
        [6, 7],
    ]
    assert [times[found["train"].rows].max() for found in tested] == [1, 3, 5]
    with pytest.raises(SettingError) as error:
        splits(tmp_path, times, groups, fold="1/7")
    assert str(error.value) == (
        "dataset.fold: 7 folds in the order of time need 8 blocks of rows with no time or group in "
        "common; there are 7"
    )


def test_the_rows_before_a_fold_are_validated_on_as_the_config_says(tmp_path):
    """By time as well, or drawn."""
    found = splits(tmp_path, np.arange(40.0), fold="3/3", validation={"size": 5, "how": "time"})

    assert found["val"].rows.tolist() == [25, 26, 27, 28, 29]
    assert found["test"].rows.tolist() == list(range(30, 40))


ORDERS = [
    ["2", "10", "1e1", "-3", "2.5"],
    ["2024-02-01", "2024-10-01", "2024-10-01 00:00", "1999-12-31", "2024-02-01T12:30:05.25"],
    ["2024-02-01 12:00Z", "2024-02-01 16:00+01:00", "2024-02-01T15:00:00+00:00", "2024-01-31T23:00-05:00", "2024-02-01 13:00+00:30"],
    ["09:30", "21:00", "21:00:00", "00:00", "09:30:00.5"],
    ["2024-02", "2024-10", "2024-10-01", "1999-12", "2024-03"],
]  # fmt: skip
"""Texts of one order: the fourth is first, then the first, the fifth, and last the second and third."""


@pytest.mark.parametrize("texts", ORDERS)
def test_times_of_a_table_are_numbers_dates_or_times(table, texts):
    """In the notation of ISO 8601; the column is not learned from."""
    path = table("n,y,when\n" + "".join(f"{i},{'ab'[i % 2]},{t}\n" for i, t in enumerate(texts)))
    for size, tested in ((2, [1, 2]), (3, [1, 2, 4]), (4, [0, 1, 2, 4])):
        data = load(path, time="when", test={"size": size, "how": "time"}, validation=None)
        assert data.test.rows.tolist() == tested
        assert [column.name for column in data.encoding.columns] == ["n"]


@pytest.mark.parametrize(
    "times",
    [
        [date(2024, 2, 1), date(2024, 10, 1), date(2024, 10, 1), date(1999, 1, 1), date(2024, 3, 1)],
        [datetime(2024, 1, day, tzinfo=zone) for day in (2, 10, 10, 1, 3) for zone in (UTC,)],
        [datetime(2024, 1, day) for day in (2, 10, 10, 1, 3)],  # noqa: DTZ001 -- files have such
        [time(9), time(21), time(21), time(0), time(10)],
        [2**62 + 1, 2**62 + 3, 2**62 + 3, 2**62, 2**62 + 2],
        [1.5, 3.5, 3.5, -1.0, 2.5],
        ["2024-02-01", "2024-10-01", "2024-10-01", "1999-01-01", "2024-03-01"],
    ],
)  # fmt: skip
def test_times_of_a_parquet_file_have_any_type(table, times):
    """As they are in the file."""
    path = table({"n": list(range(5)), "y": list("ababa"), "when": times})
    data = load(path, time="when", test={"size": 2, "how": "time"}, validation=None)

    assert data.test.rows.tolist() == [1, 2]


def test_a_time_is_learned_from_where_it_is_named(table):
    """As a column of numbers."""
    path = table("n,y,when\n" + "".join(f"{i},{'ab'[i % 2]},{9 - i}\n" for i in range(10)))
    data = load(path, time="when", features=["n", "when"], test=LATEST, validation=None)

    assert [column.name for column in data.encoding.columns] == ["n", "when"]
    assert data.test.rows.tolist() == [0, 1, 2]


def test_times_are_part_of_the_fingerprint(table):
    """Their order is, whatever they are counted from."""
    of = []
    for start in (0, 0, 7):
        path = table(
            "n,y,a,b\n" + "".join(f"{i},{'ab'[i % 2]},{i + start},{-i}\n" for i in range(9))
        )
        chosen = {"features": ["n"], "validation": None}
        of.append([
            load(path, time=name, test=LATEST, **chosen).sha256 if name else load(path, **chosen).sha256
            for name in (None, "a", "b")
        ])  # fmt: skip

    assert of[0] == of[1] == of[2]
    assert len(set(of[0])) == 3


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ("1,2,x,4", "PATH:4: column 'when': 'x' is not a number"),
        ("2024-01-01,2024-01-02,soon,3", "PATH:4: column 'when': 'soon' is not a date, such as 2024-05-31 or 2024-05-31 12:30; likewise in 1 more row"),
        ("31.05.2024,01.06.2024,02.06.2024,1.7.2024", "PATH:2: column 'when': '31.05.2024' is not a number, a date or a time, such as 2024-05-31 or 2024-05-31 12:30; likewise in 3 more rows"),
        ("2024-01-01,2024-01-02 10:00Z,2024-01-03,2024-01-04", "PATH:3: column 'when': '2024-01-02 10:00Z' is not a date, such as 2024-05-31 or 2024-05-31 12:30"),
        ("9:30,10:30,11:30,12:30", "PATH:2: column 'when': '9:30' is not a time, such as 12:30"),
        ("1,2,,4", "PATH:4: column 'when': a value is missing"),
    ],
)  # fmt: skip
def test_a_time_that_cannot_be_compared_is_named(table, times, message):
    """With its line."""
    rows = [f"{i},{'ab'[i % 2]},{time}" for i, time in enumerate(times.split(","))]
    path = table("\n".join(["n,y,when", *rows]))

    assert refusal(path, time="when", test=LATEST) == message


def test_a_column_of_times_is_looked_for(table):
    """A name that is no column is met with the nearest."""
    path = table("n,y,when\n1,a,1\n2,b,2\n")

    assert refusal(path, time="wen", fold="1/2") == (
        "dataset.time: PATH has no column 'wen'; did you mean 'when'?"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test": LATEST}, "dataset.test: how: time needs dataset.time"),
        ({"validation": LATEST}, "dataset.validation: how: time needs dataset.time"),
        (
            {"time": "t"},
            "dataset.time: is not used; set how: time in dataset.test or dataset.validation, or dataset.fold",
        ),
        ({"time": "y", "fold": "1/2"}, "dataset.time: 'y' is dataset.target already"),
        ({"time": "t", "groups": "t", "fold": "1/2"}, "dataset.time: 't' is dataset.groups already"),
        ({"time": "t", "exclude": ["t"], "fold": "1/2"}, "dataset.exclude: 't' is dataset.time already"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_in_time_is_refused(settings, message):
    """A time that is missing, unused, or used for something else."""
    with pytest.raises(UsageError) as error:
        dataset_config(name="csv", path="t.csv", target="y", **settings)

    assert str(error.value) == f"config: {message}"


def test_digits_have_no_time():
    """Nor any other data without columns."""
    with pytest.raises(UsageError) as error:
        dataset_config(test=LATEST)

    assert str(error.value) == "config: dataset.test: how: time is not for digits"


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (np.zeros((4, 2)), "training times must be one a row, got float64 (4, 2)"),
        (np.array([1, np.nan, 2, 3]), "training times: row 1 is 'nan', which is not a number"),
        (
            np.array(["2024-01-01", "2024-01-02", "later", "2024-01-02"]),
            "training times: row 2 is 'later', which is not a date, such as 2024-05-31 or "
            "2024-05-31 12:30",
        ),
    ],
)
def test_wrong_arrays_of_times_are_refused(tmp_path, times, message):
    """With the row."""
    with pytest.raises(Exception) as error:  # noqa: PT011 -- its text is compared
        splits(tmp_path, times, test=LATEST)

    assert str(error.value) == f"{tmp_path / 't.npz'}: {message}"


def test_arrays_of_dates_are_times(tmp_path):
    """Those of NumPy's own type, in any unit."""
    days = np.array(["2024-03-01", "2024-01-01", "2024-02-01", "2024-04-01"], "M8[D]")
    for unit in ("D", "h", "ns"):
        found = splits(tmp_path, days.astype(f"M8[{unit}]"), test={"size": 1, "how": "time"})
        assert found["test"].rows.tolist() == [3]
