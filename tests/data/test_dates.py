"""Columns of dates: what is learned from them, wherever and however they are written."""

from __future__ import annotations

import calendar
import json
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from conftest import dataset_config
from written_tables import AS_IT_IS, load, refusal

import mtrain
from mtrain.data.inputs.read import read_pieces
from mtrain.data.load import load_dataset


def moments(n):
    """Moments of all years that Python has, whole minutes."""
    generator = np.random.default_rng(0)
    first, last = map(datetime.fromisoformat, ("0001-01-02", "9999-12-30"))
    minutes = (last - first) // timedelta(minutes=1)
    return [first + timedelta(minutes=int(k)) for k in generator.integers(minutes, size=n)]


def expected(moment):
    """The parts of a moment by the calendar alone."""
    days = sum(calendar.monthrange(moment.year, month)[1] for month in range(1, moment.month))
    weekday = calendar.weekday(moment.year, moment.month, moment.day)
    return {
        "d.year": moment.year,
        "d.month": moment.month,
        "d.weekday": weekday,
        "d.hour": moment.hour,
        "d.day_of_year": days + moment.day,
    }


def learned(path, **settings):
    """What is learned from each row of a table with a column `d` of dates, by the name of the input."""
    data = load(path, dates=["d"], **AS_IT_IS, **settings)
    features = np.concatenate([data.train.features, data.test.features])
    names = [column.name for column in data.encoding.columns]
    return [dict(zip(names, row, strict=True)) for row in features.tolist()]


def test_parts_are_those_of_the_calendar(table):
    """Of text and of timestamps the same, as of any number of them."""
    dates = moments(300)
    text = "d,y\n" + "".join(f"{one},{k % 2}\n" for k, one in enumerate(dates))
    typed = {"d": np.array(dates, "datetime64[s]"), "y": [k % 2 for k in range(len(dates))]}

    for content in (text, typed):
        assert learned(table(content)) == [expected(one) for one in dates]


@pytest.mark.parametrize(
    "written",
    [
        ["2024-02-29", "2023-03-01", "2024-12-31"],
        ["2024-02-29T00:00", "2023-03-01 00:59:59.5", "2024-12-31"],
        ["2024-02-29 02:00+02:00", "2023-02-28 23:30-00:30", "2024-12-31T00:00Z"],
    ],
)
def test_dates_in_the_notation_of_iso_8601(table, written):
    """With an offset, in UTC."""
    text = "x,d,y\n" + "".join(f"7,{one},{k % 2}\n" for k, one in enumerate(written))
    days = map(datetime.fromisoformat, ("2024-02-29", "2023-03-01", "2024-12-31"))

    found = learned(table(text))

    # The hour is left out, as it is 0 in all rows.
    assert "d.hour" not in found[0]
    assert [row | {"d.hour": 0} for row in found] == [{"x": 7} | expected(day) for day in days]


def test_types_of_parquet(table):
    east = timezone(timedelta(hours=5))
    labels = {"y": [0, 1, 0]}
    days = [date(2024, 2, 29), date(2023, 3, 1), date(1969, 12, 31)]
    at = [
        datetime(2024, 2, 29, 3, tzinfo=east),
        *(datetime(2000, 1, k, tzinfo=east) for k in (1, 2)),
    ]

    assert [row | {"d.hour": 0} for row in learned(table({"d": days, **labels}))] == [
        expected(datetime.fromisoformat(str(one))) for one in days
    ]
    found = learned(table({"d": at, **labels}))
    assert found == [expected(one.astimezone(UTC)) for one in at]


def test_a_missing_date_lacks_all_of_its_parts(table):
    """They are filled as other numbers are, and named by their column."""
    path = table("x,d,y\n1,2024-01-01,0\n2,,1\n3,2025-03-01,0\n4,2025-05-02,1\n5,2025-05-02,0\n")

    zeros = dict.fromkeys(["d.year", "d.month", "d.weekday", "d.day_of_year"], 0)
    assert learned(path, missing="zero")[1] == {"x": 2} | zeros
    assert [row["x"] for row in learned(path, missing="drop")] == [1, 3, 4, 5]
    assert refusal(path, dates=["d"]) == (
        "PATH:3: column 'd': a value is missing; dataset.missing says what to do"
    )


@pytest.mark.parametrize(
    ("content", "settings", "problem"),
    [
        (
            "d,y\n2024-01-01,0\nyesterday,1\n31.12.2024,0\n12:30,1\n",
            {"dates": ["d"]},
            "PATH:3: column 'd': 'yesterday' is not a date, such as 2024-05-31 or 2024-05-31 12:30; "
            "likewise in 2 more rows",
        ),
        (
            {"d": [1, 2], "y": [0, 1]},
            {"dates": ["d"]},
            "PATH: row 0: column 'd': 1 is not a date, such as 2024-05-31 or 2024-05-31 12:30; "
            "likewise in 1 more row",
        ),
        (
            "d,d.year,y\n2024-01-01,1,0\n2024-01-01,2,1\n",
            {"dates": ["d"]},
            "dataset.dates: 'd.year', which is learned from 'd', is a column, too; rename it",
        ),
        (
            "day,x,y\n2024-01-01,1,0\n2024-01-01,2,1\n",
            {"dates": ["dya"]},
            "dataset.dates: PATH has no column 'dya'; did you mean 'day'?",
        ),
        ("d,y\n", {"dates": ["y"]}, "config: dataset.dates: 'y' is dataset.target already"),
        (
            "d,y\n",
            {"dates": ["d"], "categorical": ["d"]},
            "config: dataset.dates: 'd' is in dataset.categorical, too",
        ),
        (
            "d,y\n",
            {"dates": ["d"], "exclude": ["d"]},
            "config: dataset.dates: 'd' is in dataset.exclude, too",
        ),
        (
            "d,y\n",
            {"dates": ["d"], "features": ["x"]},
            "config: dataset.dates: 'd' is not in dataset.features",
        ),
    ],
)
def test_what_is_no_date_is_refused(table, content, settings, problem):
    assert refusal(table(content), **settings) == problem


def test_the_time_by_which_rows_are_split_may_be_learned_from(table):
    path = table("x,d,y\n" + "".join(f"{k},2024-01-{k:02},{k % 2}\n" for k in range(1, 29)))
    by_time = {"validation": None, "test": {"size": 3, "how": "time"}, "time": "d"}

    assert load(path, **by_time).encoding.n_features == 1
    data = load(path, **by_time, dates=["d"], scale="none")
    assert [c.name for c in data.encoding.columns] == ["x", "d.weekday", "d.day_of_year"]
    assert data.test.features[:, 2].tolist() == [26, 27, 28]


def test_dates_that_are_all_the_same_leave_their_year(table):
    """So that there is a column to be told of, and another year is noticed."""
    path = table("x,d,y\n" + "".join(f"{k},2024-01-01,{k % 2}\n" for k in range(8)))

    data = load(path, dates=["d"], **AS_IT_IS)

    assert [column.name for column in data.encoding.columns] == ["x", "d.year"]
    assert data.encoding.columns[1].constant == 2024


def test_a_row_is_read_alike_from_every_kind_of_file_and_in_a_program(table, tmp_path):
    """By what was learned: a table without types, lines of JSON, and values of Python."""
    config = dataset_config(
        name="csv",
        path=str(
            table(
                "d,y\n"
                + "".join(
                    f"20{k:02}-{k % 12 + 1:02}-03 0{k % 7}:00,{k % 2}\n" for k in range(10, 40)
                )
            )
        ),
        target="y",
        dates=["d"],
    )
    encoding = load_dataset(config).encoding
    at = datetime.fromisoformat("2031-12-24 18:00")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"d": str(at)}) + "\n")
    table({"d": np.array([at], "datetime64[ns]")}, "rows.parquet")
    table(f"d\n{at}\n", "rows.csv")

    found = []
    for name in ("rows.jsonl", "rows.parquet", "rows.csv"):
        (piece,) = read_pieces(tmp_path / name, config, encoding, memory=10**9)
        found.append(piece.split.features.tolist())
    raw = np.array([expected(at)[column.name] for column in encoding.columns])
    np.testing.assert_allclose(found[0][0], (raw - encoding.mean) / encoding.deviation, rtol=1e-6)
    assert found[0] == found[1] == found[2]


def test_rows_with_dates_are_predicted_as_they_are_evaluated(table, tmp_path):
    """And a row that has none is set aside."""
    days = [date(2024, 1, 1) + timedelta(days=k) for k in range(60)]
    path = table("d,y\n" + "".join(f"{day},{int(day.weekday() > 4)}\n" for day in days))
    dataset = {"name": "csv", "path": str(path), "target": "y", "dates": ["d"]}
    run = mtrain.fit({"dataset": dataset, "training": {"epochs": 1}}, out=tmp_path / "run")
    model = mtrain.load(run)
    kept = np.load(tmp_path / "run" / "evaluation" / "test" / "predictions.npz")

    predicted = model.predict({"d": [days[row] for row in kept["rows"]]})
    np.testing.assert_allclose(predicted.probabilities, kept["probabilities"], atol=1e-6)
    with pytest.raises(mtrain.MtrainError, match="'soon' is not a date, such as"):
        model.predict({"d": ["soon"]})
