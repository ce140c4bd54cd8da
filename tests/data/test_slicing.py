"""The rows of a split by the values of a column of its table."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from conftest import dataset_config

from mtrain.data.slicing import slice_rows
from mtrain.errors import MtrainError, UsageError
from mtrain.records.dataset import Column, Encoding

FEATURES = Encoding(columns=(Column("x", "number", fill=0.0),))


def slices(path, column, rows=None, encoding=FEATURES, n_classes=2, **settings):
    """By value the positions of its rows, in order, and whether they have no value."""
    kind = "parquet" if "parquet" in str(path) else "csv"
    config = dataset_config(**{"name": kind, "path": str(path), "target": "y", **settings})
    if rows is None:
        rows = np.arange(24)
    return slice_rows(
        config,
        column,
        np.asarray(rows),
        split="train",
        encoding=encoding,
        n_classes=n_classes,
        memory=10**9,
    )


def found(path, column, rows=None, **settings):
    return [(one.value, one.rows.tolist()) for one in slices(path, column, rows, **settings)]


def refusal(path, column, rows=None, **settings):
    with pytest.raises(UsageError) as error:
        slices(path, column, rows, **settings)
    return str(error.value).replace(str(path), "PATH")


def csv_of(values, header="z"):
    """Text of a CSV with these values in a column, beside a feature and labels."""
    lines = [f"{k / 8},{value},{'ab'[k % 2]}" for k, value in enumerate(values)]
    return "\n".join([f"x,{header},y", *lines, ""])


def test_texts_are_slices_in_their_order_and_missing_ones_the_last(table):
    """Also those whose text looks missing only among numbers; rows are positions in the split."""
    path = table(csv_of(["north", "", "NA", " south ", "north", "missing"]))

    assert found(path, "z", range(6)) == [
        ("NA", [2]),
        ("missing", [5]),
        ("north", [0, 4]),
        ("south", [3]),
        ("missing", [1]),
    ]
    assert [one.is_missing for one in slices(path, "z", range(6))] == [False] * 4 + [True]
    assert found(path, "z", [4, 3, 0, 1]) == [("north", [0, 2]), ("south", [1]), ("missing", [3])]


def test_values_that_no_row_of_the_split_has_are_no_slice(table):
    path = table(csv_of(["a", "b", "c", "a"]))

    assert found(path, "z", [0, 3, 2]) == [("a", [0, 1]), ("c", [2])]


def test_few_numbers_are_a_slice_each(table):
    """In any notation, in the order of numbers; -0 is 0."""
    path = table(csv_of(["10", "9.50", "1e1", "-0", "0", "9.5", "NA"]))

    assert found(path, "z", range(7)) == [
        ("0", [3, 4]),
        ("9.5", [1, 5]),
        ("10", [0, 2]),
        ("missing", [6]),
    ]


def test_many_numbers_are_cut_into_quarters_of_the_rows_evaluated(table):
    """The quantiles are NumPy's, of these rows alone; a slice is named by its own smallest and largest."""
    draw = np.random.default_rng(0)
    ages = draw.integers(18, 80, 300)
    rows = draw.permutation(300)[:200]
    path = table(csv_of(["" if k % 50 == 0 else age for k, age in enumerate(ages)]))
    *parts, missing = slices(path, "z", rows)

    known = ages[rows][rows % 50 > 0]
    cuts = np.quantile(known, [0.25, 0.5, 0.75], method="inverted_cdf")
    for k, one in enumerate(parts):
        mine = np.flatnonzero(
            (np.searchsorted(cuts, ages[rows]) == k) & (rows % 50 > 0)  # left: a cut ends its part
        )
        assert one.rows.tolist() == mine.tolist()
        low, high = ages[rows][mine].min(), ages[rows][mine].max()
        assert one.value == f"{low} to {high}"
        assert one.bounds == (low, high)
        assert 0.2 < len(mine) / len(known) < 0.3
    assert len(parts) == 4
    assert (missing.value, missing.rows.tolist()) == (
        "missing",
        np.flatnonzero(rows % 50 == 0).tolist(),
    )


@pytest.mark.parametrize(
    ("often", "names"),
    [
        pytest.param(0.0, ["0", "0.5 to 29.5"], id="the smallest"),
        pytest.param(30.0, ["0.5 to 29.5", "30"], id="the largest"),
        pytest.param(15.0, ["0.5 to 15", "15.5 to 29.5"], id="one within"),
    ],
)
def test_equal_numbers_stay_together(table, often, names):
    """Where more than half of the rows, or nearly all, have one number."""
    values = [often] * 500 + [k / 2 for k in range(1, 60)]
    path = table(csv_of(values))

    parts = slices(path, "z", range(559))
    assert [one.value for one in parts] == names
    assert sorted(np.concatenate([one.rows for one in parts])) == list(range(559))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        pytest.param(
            [0] * 49 + [*range(1, 52)],
            [("0", 49), ("1 to 26", 26), ("27 to 51", 25)],
            id="the median is the first number after a frequent one",
        ),
        pytest.param(
            [*range(20)] + [20] * 79 + [21],
            [("0 to 19", 20), ("20 to 21", 80)],
            id="one row is beyond the most frequent number",
        ),
        pytest.param(
            [k / 2 for k in range(1, 22)],
            [("0.5 to 3", 6), ("3.5 to 5.5", 5), ("6 to 8", 5), ("8.5 to 10.5", 5)],
            id="as few as are cut",
        ),
        pytest.param(
            [*range(9)] + [9] * 80 + [*range(10, 21)],
            [("0 to 9", 89), ("10 to 20", 11)],
            id="too few are before the most frequent number",
        ),
    ],
)
def test_no_range_of_numbers_has_hardly_a_row(table, numbers, expected):
    """Counted by hand: a range has ten rows, or an eighth of them where they are fewer than 80."""
    path = table(csv_of([str(number) for number in numbers]))

    assert [(value, len(rows)) for value, rows in found(path, "z", range(len(numbers)))] == expected


def test_numbers_have_as_many_digits_as_tell_them_apart(table):
    path = table(csv_of([0.1, 0.1 + 1e-9, 1234567, 0.1]))

    assert [value for value, _ in found(path, "z", range(4))] == [
        "0.1",
        "0.100000001",
        "1234567",
    ]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        pytest.param(["01", "1", "01"], ["01", "1"], id="codes"),
        pytest.param(["10", "n/k", "10"], ["10", "n/k"], id="a text among numbers"),
        pytest.param(["True", "false", "true"], ["false", "true"], id="booleans"),
        pytest.param(["1,5", "2", "1,5"], ["1.5", "2"], id="decimal commas"),
    ],
)
def test_other_columns_of_a_csv(table, values, names):
    """What is not learned from may mix numbers and text; its notation is that of the table."""
    path = table(csv_of([f'"{value}"' for value in values]))
    settings = {"decimal": ","} if "1,5" in values else {}

    assert [value for value, _ in found(path, "z", range(3), **settings)] == names


def test_missing_values_of_the_config_are_missing(table):
    path = table(csv_of(["a", "?", "-9", "a"]))

    assert found(path, "z", range(4), missing_values=["?", -9]) == [
        ("a", [0, 3]),
        ("missing", [1, 2]),
    ]


def test_a_feature_is_of_the_kind_that_it_was_learned_as(table):
    """Categories that look like numbers are not cut into quarters."""
    path = table(csv_of(list(range(10, 35)) * 2))
    encoding = Encoding(columns=(Column("z", "text", categories=("10",)),))

    assert [value for value, _ in found(path, "z", range(50))] == [
        "10 to 16",
        "17 to 22",
        "23 to 28",
        "29 to 34",
    ]
    assert len(slices(path, "z", range(50), encoding)) == 25


def test_each_group_is_a_slice(table):
    """Whatever it is called: quarters of patients' numbers would say nothing."""
    path = table(csv_of([k // 2 for k in range(60)]))

    assert len(slices(path, "z", range(60), groups="z")) == 30
    learned = Encoding(columns=(Column("z", "number"),))
    assert len(slices(path, "z", range(60), learned, groups="z", features=["z"])) == 30


def test_columns_of_parquet(table):
    """Text, numbers, true and false, and times; dates that are text in a CSV are text here as well."""
    day = dt.date(2024, 5, 31)
    midnight, noon = (dt.datetime(2024, 5, 31, hour, tzinfo=dt.UTC) for hour in (0, 12))
    path = table(
        {
            "x": [0.0, 1.0, 2.0],
            "y": ["a", "b", "a"],
            "text": pa.array(["s", None, "r"]).dictionary_encode(),
            "whole": pa.array([2, None, 1], pa.int8()),
            "double": [0.5, float("nan"), 0.5],
            "boolean": [True, None, False],
            "day": [day, None, day],
            "midnight": pa.array([midnight, None, None], pa.timestamp("ns", "UTC")),
            "hour": pa.array([noon, None, noon], pa.timestamp("ms")),
            "nothing": pa.nulls(3),
        }
    )

    assert found(path, "text", range(3)) == [("r", [2]), ("s", [0]), ("missing", [1])]
    assert found(path, "whole", range(3)) == [("1", [2]), ("2", [0]), ("missing", [1])]
    assert found(path, "double", range(3)) == [("0.5", [0, 2]), ("missing", [1])]
    assert found(path, "boolean", range(3)) == [("false", [2]), ("true", [0]), ("missing", [1])]
    assert found(path, "day", range(3)) == [("2024-05-31", [0, 2]), ("missing", [1])]
    assert found(path, "midnight", range(3)) == [("2024-05-31", [0]), ("missing", [1, 2])]
    assert found(path, "hour", range(3)) == [
        ("2024-05-31 12:00:00.000000", [0, 2]),
        ("missing", [1]),
    ]
    assert found(path, "nothing", range(3)) == [("missing", [0, 1, 2])]


def test_a_split_in_another_file_has_its_own_rows(table):
    """Positions count the rows of that file."""
    train, test = table(csv_of("ab"), "train.csv"), table(csv_of("cdaa"), "test.csv")
    config = dataset_config(name="csv", path=str(train.parent), target="y")
    asked = {"split": "test", "encoding": FEATURES, "n_classes": 2, "memory": 10**9}

    assert [one.value for one in slice_rows(config, "z", np.array([2, 0, 3]), **asked)] == [
        "a",
        "c",
    ]
    config = dataset_config(name="csv", path=str(train), test_path=str(test), target="y")
    assert [one.value for one in slice_rows(config, "z", np.array([2, 0, 3]), **asked)] == [
        "a",
        "c",
    ]


def test_folders_that_are_columns(tmp_path, table):
    """`year` of `year=2024/part.csv`."""
    for year in (2023, 2024):
        table(csv_of("ab"), f"year={year}/part.csv")

    assert found(tmp_path, "year", range(4)) == [("2023", [0, 1]), ("2024", [2, 3])]


def test_columns_that_are_no_slices_are_refused(table):
    """Each in a line: missing, the target, ids, and texts of too many values."""
    numbers = [f"{k},v{k % 101},u{k},{k % 2}" for k in range(202)]
    path = table("\n".join(["x,many,each,y", *numbers, ""]))

    assert refusal(path, "mani") == "--by: PATH has no column 'mani'; did you mean 'many'?"
    assert refusal(path, "q") == "--by: PATH has no column 'q'; choose one of x, many, each, y"
    assert refusal(path, "y") == (
        "--by: 'y' is the target; the recall of each class is what its slices would have"
    )
    assert refusal(path, "x") == (
        "--by: column 'x' counts the rows; take one whose values several rows share"
    )
    assert refusal(path, "each", [5, 3, 1]) == (
        "--by: column 'each' has a different value in each of the 3 rows; take one whose values "
        "several rows share"
    )
    assert refusal(path, "many", range(202)) == (
        "--by: column 'many' has 101 different values, and there can be 100 slices; group its "
        "values in another column"
    )
    assert len(slices(path, "many", [*range(100), 101], n_classes=1000)) == 100
    assert refusal(path, "many", [*range(100), 101], n_classes=1001) == (
        "--by: column 'many' has 100 slices, which with 1,001 classes are 100,100 verdicts, and "
        "there can be 100,000; group its values in another column"
    )


def test_times_that_count_the_rows_are_cut(table):
    """As the column of times they are no ids."""
    path = table(csv_of(range(40)))

    assert "counts the rows" in refusal(path, "z", range(40))
    settings = {"time": "z", "test": {"how": "time"}}
    assert found(path, "z", range(40), **settings)[0] == ("0 to 9", list(range(10)))


def test_lists_are_refused(table):
    path = table({"x": [1.0, 2.0], "y": ["a", "b"], "z": [[1], [2]]})

    assert refusal(path, "z", [0]) == (
        "--by: column 'z' is list<element: int64>; numbers, text, true and false, or times are needed"
    )


@pytest.mark.parametrize("name", ["digits", "synthetic", "images"])
def test_data_without_columns_are_refused(name):
    settings = {"path": "x"} if name == "images" else {}
    with pytest.raises(UsageError) as error:
        slice_rows(
            dataset_config(name=name, **settings),
            "region",
            np.arange(2),
            split="train",
            encoding=FEATURES,
            n_classes=2,
            memory=10**9,
        )
    assert str(error.value) == (
        f"--by: {name} has no columns; a column of a CSV or Parquet table is needed"
    )


def test_a_table_that_became_shorter_is_refused(table):
    path = table(csv_of("abcd"))

    with pytest.raises(MtrainError, match=r"t\.csv: has fewer rows than when it was read first"):
        slices(path, "z", [0, 4])
