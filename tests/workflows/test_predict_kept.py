"""Columns of a table that go with the predictions."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from predicted_runs import columns, predicted_plainly, refused, rows_of, table

from mtrain.cli.main import run
from mtrain.data.inputs import piece


@pytest.mark.parametrize("rows_at_once", [7, 1000])
def test_columns_go_with_the_predictions(tabular, tmp_path, capsys, monkeypatch, rows_at_once):
    """As they are in the file, behind the predictions, however the rows are read."""
    monkeypatch.setattr(piece, "ROWS_A_CALL", rows_at_once)
    monkeypatch.setattr(piece, "PIECE", 1)
    rows = rows_of(tabular).append_column("id", pa.array([f"00{n}" for n in range(30)]))
    pc.write_csv(rows, tmp_path / "a.csv")
    pq.write_table(rows, tmp_path / "a.parquet")

    for name in ("a.csv", "a.parquet"):
        found = predicted_plainly(capsys, tabular, tmp_path / name, "--keep", "id, length")
        assert list(found)[:2] == ["row", "predicted"]
        assert list(found)[-2:] == ["id", "length"]
        assert found["id"] == rows["id"].to_pylist()
        assert [float(length) for length in found["length"]] == rows["length"].to_pylist()
    whole = predicted_plainly(capsys, tabular, tmp_path / "a.csv", "--keep", "all")
    assert list(whole)[-5:] == ["length", "kind", "is wet", "label", "id"]


def test_parquet_keeps_the_types_of_columns(tabular, tmp_path):
    rows = rows_of(tabular)
    pq.write_table(rows, tmp_path / "a.parquet")
    out = tmp_path / "out.parquet"

    arguments = [str(tabular), str(tmp_path / "a.parquet"), "--keep", "is wet", "--out", str(out)]
    assert run(["predict", *arguments]) == 0

    written = pq.read_table(out)
    assert str(written.schema.field("is wet").type) == "bool"
    assert written["is wet"].to_pylist() == rows["is wet"].to_pylist()
    assert run(["predict", *arguments]) == 0  # and it is known as predictions


def test_dates_and_lists_are_kept(tabular, tmp_path, capsys):
    """Whatever a file has types for, in CSV as text."""
    when = pa.array([date(2026, 1, 1 + n) for n in range(30)])
    tags = pa.array([[n, n + 1] for n in range(30)])
    rows = rows_of(tabular).append_column("when", when).append_column("tags", tags)
    rows = rows.append_column("size", pa.array([1.5, float("nan")] * 15))
    pq.write_table(rows, tmp_path / "a.parquet")
    arguments = (tabular, tmp_path / "a.parquet", "--keep", "when,tags,size")

    found = predicted_plainly(capsys, *arguments)
    predicted_to = run(["predict", *map(str, arguments), "--out", str(tmp_path / "out.parquet")])

    assert predicted_to == 0
    assert (found["when"][1], found["tags"][1]) == ("2026-01-02", "[1,2]")
    assert found["size"][:2] == ["1.5", ""]
    written = pq.read_table(tmp_path / "out.parquet")
    assert written["when"].to_pylist() == when.to_pylist()
    assert written["tags"].to_pylist() == tags.to_pylist()


def kept(model, rows, name, folder):
    """A kept column, as its text in a CSV and as a column of Parquet."""
    arguments = ["predict", str(model), str(rows), "--keep", name, "--out"]
    assert run([*arguments, str(folder / "out.csv")]) == 0
    assert run([*arguments, str(folder / "out.parquet")]) == 0
    return columns((folder / "out.csv").read_text())[name], pq.read_table(folder / "out.parquet")[
        name
    ]


@pytest.mark.parametrize("rows_at_once", [30, 1000])
@pytest.mark.parametrize(
    ("first", "second", "kind", "expected"),
    [
        (None, "b", "string", [None, "b"]),
        (1, None, "int64", [1, None]),
        (1, 2.5, "double", [1.0, 2.5]),
        (1, "b", "large_string", ["1", "b"]),
        (True, "b", "large_string", ["True", "b"]),
        ([1], "b", "large_string", ["[1]", "b"]),
        ({"a": "x"}, "b", "large_string", ['{"a":"x"}', "b"]),
        (date(2026, 1, 2), 7, "large_string", ["2026-01-02", "7"]),
    ],
)
def test_files_may_have_other_types_of_a_kept_column(
    tabular, tmp_path, monkeypatch, rows_at_once, first, second, kind, expected
):
    """It has the type that holds both, or else their text; in pieces and in one."""
    monkeypatch.setattr(piece, "ROWS_A_CALL", rows_at_once)
    monkeypatch.setattr(piece, "PIECE", 1)
    folder = tmp_path / "rows"
    folder.mkdir()
    for number, value in enumerate((first, second)):
        rows = rows_of(tabular).append_column("id", pa.array([value] * 30))
        pq.write_table(rows, folder / f"{number}.parquet")

    text, column = kept(tabular, folder, "id", tmp_path)

    assert str(column.type) == kind
    assert column.to_pylist()[29:31] == expected
    assert text[29:31] == [
        "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
        for value in expected
    ]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


NESTED = [
    {"tags": ["a", "b"], "of": {"x": 1, "when": None}, "mixed": [1], "id": 1},
    {"tags": [], "of": {"y": 2.5}, "mixed": "b", "id": 2},
    {"tags": None, "of": {}, "mixed": None, "id": 3},
]
"""Rows with lists and objects, whose keys differ."""


@pytest.mark.parametrize("rows_at_once", [1, 1000])
def test_objects_and_lists_of_json_lines_are_kept_as_json(
    tabular, tmp_path, monkeypatch, rows_at_once
):
    """As they are written, in CSV and in Parquet: a column has no type that every object fits."""
    monkeypatch.setattr("mtrain.data.sources.json_lines.ROWS_AT_ONCE", rows_at_once)
    rows = [
        {**row, **more} for row, more in zip(rows_of(tabular).to_pylist(), NESTED, strict=False)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))

    for name, expected in (
        ("tags", ['["a","b"]', "[]", None]),
        ("of", ['{"x":1,"when":null}', '{"y":2.5}', "{}"]),
        ("mixed", ["[1]", "b", None]),
    ):
        text, column = kept(tabular, tmp_path / "a.jsonl", name, tmp_path)
        assert column.to_pylist() == expected
        assert text == ["" if value is None else value for value in expected]
    assert run(["predict", str(tabular), str(tmp_path / "a.jsonl"), "--keep", "all"]) == 0


def test_nested_columns_of_parquet_are_json_in_csv(tabular, tmp_path):
    """With what JSON has no type for; Parquet keeps them as they are. So do rows that are set aside."""
    of = [{"when": date(2026, 1, 2), "price": Decimal("1.50"), "x": float("nan")}] * 30
    rows = rows_of(tabular).append_column("of", pa.array(of))
    pq.write_table(rows, tmp_path / "a.parquet")
    expected = '{"when":"2026-01-02","price":"1.50","x":null}'

    text, column = kept(tabular, tmp_path / "a.parquet", "of", tmp_path)

    assert text == [expected] * 30
    assert str(column.type) == "struct<when: date32[day], price: decimal128(3, 2), x: double>"
    bad = rows.set_column(0, "length", pa.array([float("inf")] * 30))
    pq.write_table(bad, tmp_path / "bad.parquet")
    aside = tmp_path / "bad.csv"
    arguments = ["--keep", "of", "--bad-rows", str(aside)]
    assert run(["predict", str(tabular), str(tmp_path / "bad.parquet"), *arguments]) == 0
    assert columns(aside.read_text())["of"] == [expected] * 30


def test_whole_numbers_too_long_for_fractions_are_refused(tabular, tmp_path, capsys):
    """As a float64, they would be other numbers."""
    for number, value in enumerate((2**60 + 1, 0.5)):
        rows = rows_of(tabular).append_column("id", pa.array([value] * 30))
        pq.write_table(rows, tmp_path / f"{number}.parquet")

    status, message = refused(capsys, tabular, tmp_path, "--keep", "id")

    assert status == 1
    assert message.startswith("column 'id' is int64 in some rows and double in others: ")


def test_a_folder_without_a_value_may_be_kept(tabular, tmp_path):
    """Its name says that the value is missing."""
    rows = tmp_path / "rows"
    for name in ("region=__HIVE_DEFAULT_PARTITION__", "region=a"):
        (rows / name).mkdir(parents=True)
        pq.write_table(rows_of(tabular), rows / name / "0.parquet")

    text, column = kept(tabular, rows, "region", tmp_path)

    assert text == [""] * 30 + ["a"] * 30
    assert column.to_pylist() == [None] * 30 + ["a"] * 30


@pytest.mark.parametrize("rows_at_once", [5, 1000])
def test_json_lines_may_lack_a_kept_value_for_long(tabular, tmp_path, monkeypatch, rows_at_once):
    """Its type is known when it comes."""
    monkeypatch.setattr("mtrain.data.sources.json_lines.ROWS_AT_ONCE", 5)
    monkeypatch.setattr(piece, "ROWS_A_CALL", rows_at_once)
    monkeypatch.setattr(piece, "PIECE", 1)
    rows = rows_of(tabular).to_pylist()
    notes = [None] * 14 + ["late"] * 16
    lines = (json.dumps({**row, "note": note}) for row, note in zip(rows, notes, strict=True))
    (tmp_path / "a.jsonl").write_text("\n".join(lines))

    text, column = kept(tabular, tmp_path / "a.jsonl", "note", tmp_path)

    assert text == [""] * 14 + ["late"] * 16
    assert column.to_pylist() == notes


def test_rows_that_are_left_out_have_no_kept_values(tmp_path, capsys):
    """As training leaves rows out that have a missing value."""
    pc.write_csv(table(120, 0), tmp_path / "train.csv")
    dataset = {"name": "csv", "path": "train.csv", "target": "label", "missing": "drop"}
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps({"dataset": dataset, "training": {"epochs": 1}}))
    assert run(["fit", str(config), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    rows = "id,length,kind,is wet\na,1,u,true\nb,,u,true\nc,2,v,false\n"
    (tmp_path / "a.csv").write_text(rows)

    found = predicted_plainly(capsys, tmp_path / "run", tmp_path / "a.csv", "--keep", "id")

    assert (found["row"], found["id"]) == (["0", "2"], ["a", "c"])


def test_no_row_has_the_columns_all_the_same(tabular, tmp_path, capsys):
    (tmp_path / "a.csv").write_text("id,length,kind,is wet\n")

    found = run(["predict", str(tabular), str(tmp_path / "a.csv"), "--keep", "id"])

    assert found == 0
    assert capsys.readouterr().out.strip().endswith(",id")


def test_columns_that_cannot_be_kept_are_refused(tabular, pictorial, tmp_path, capsys):
    """Unknown ones, those of the predictions, and those of rows that are no tables."""
    rows = tabular.parent / "test.csv"
    assert refused(capsys, tabular, rows, "--keep", "idd") == (
        2,
        f"--keep: {rows} has no column 'idd'; choose one of length, kind, is wet, label, all",
    )
    pc.write_csv(rows_of(tabular).append_column("row", pa.array(range(30))), tmp_path / "a.csv")
    assert refused(capsys, tabular, tmp_path / "a.csv", "--keep", "row") == (
        2,
        "--keep: 'row' is a column of the predictions; rename it",
    )
    images = pictorial.parent / "im" / "test"
    assert refused(capsys, pictorial, images, "--keep", "id") == (
        2,
        "--keep: the rows of this run are no tables",
    )
