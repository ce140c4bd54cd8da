"""Predictions as a job needs them: columns that go with them, standard input, JSON Lines."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from predicted_runs import columns, refused, table

from mtrain.cli.main import run
from mtrain.data.inputs import piece
from mtrain.data.inputs.read import read_pieces
from mtrain.data.notation import Notation
from mtrain.data.sources.json_lines import json_pieces
from mtrain.errors import MtrainError
from mtrain.run.bad_rows import BadRows
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import find_checkpoint
from mtrain.workflows.predict import predict


def rows_of(run_path):
    return pc.read_csv(run_path.parent / "test.csv")


def predicted(capsys, *arguments):
    capsys.readouterr()
    assert run(["predict", *map(str, arguments)]) == 0
    return columns(capsys.readouterr().out)


# --- Columns that are kept


@pytest.mark.parametrize("rows_at_once", [7, 1000])
def test_columns_go_with_the_predictions(tabular, tmp_path, capsys, monkeypatch, rows_at_once):
    """As they are in the file, behind the predictions, however the rows are read."""
    monkeypatch.setattr(piece, "ROWS_A_CALL", rows_at_once)
    monkeypatch.setattr(piece, "PIECE", 1)
    rows = rows_of(tabular).append_column("id", pa.array([f"00{n}" for n in range(30)]))
    pc.write_csv(rows, tmp_path / "a.csv")
    pq.write_table(rows, tmp_path / "a.parquet")

    for name in ("a.csv", "a.parquet"):
        found = predicted(capsys, tabular, tmp_path / name, "--keep", "id, length")
        assert list(found)[:2] == ["row", "predicted"]
        assert list(found)[-2:] == ["id", "length"]
        assert found["id"] == rows["id"].to_pylist()
        assert [float(length) for length in found["length"]] == rows["length"].to_pylist()
    whole = predicted(capsys, tabular, tmp_path / "a.csv", "--keep", "all")
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

    found = predicted(capsys, *arguments)
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

    found = predicted(capsys, tmp_path / "run", tmp_path / "a.csv", "--keep", "id")

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


# --- JSON Lines


@pytest.mark.parametrize("name", ["a.jsonl", "a.ndjson.gz"])
def test_json_lines_are_predicted_as_the_same_csv(tabular, tmp_path, capsys, name):
    """An object a row, in any order of keys; a key that is not there is a missing value."""
    rows = rows_of(tabular)
    lines = [json.dumps(dict(reversed(row.items()))) for row in rows.to_pylist()]
    lines[3] = '{"kind": "u", "is wet": null}\n\n'
    content = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    length = [None if n == 3 else v for n, v in enumerate(rows["length"].to_pylist())]
    kind = ["u" if n == 3 else v for n, v in enumerate(rows["kind"].to_pylist())]
    is_wet = [None if n == 3 else v for n, v in enumerate(rows["is wet"].to_pylist())]
    same = pa.table({"length": length, "kind": kind, "is wet": is_wet})
    pc.write_csv(same, tmp_path / "same.csv")

    found = predicted(capsys, tabular, tmp_path / name)

    assert found == predicted(capsys, tabular, tmp_path / "same.csv")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"length": ', "a.jsonl:2: not JSON: unexpected end of data, at character 11"),
        (
            '{"length": NaN, "kind": }',
            "a.jsonl:2: not JSON: unexpected character, expected a JSON value, at character 26",
        ),
        ("[1, 2]", 'a.jsonl:2: must be an object, as {"width": 1.5}'),
        (
            '{"length": -Infinity, "kind": "NaN", "is wet": true}',
            "a.jsonl:2: column 'length': '-Infinity' is not a finite number, but the rest of the column is numeric\n"
            "mtrain: the model's config says that numbers are written as in 1234.5 or 1e-3",
        ),
        (
            '{"length": "x", "kind": "u", "is wet": true}',
            "a.jsonl:2: column 'length': 'x' is not a finite number, but the rest of the column is numeric\n"
            "mtrain: the model's config says that numbers are written as in 1234.5 or 1e-3",
        ),
    ],
)
def test_lines_that_are_no_rows_are_named(tabular, tmp_path, capsys, line, message):
    first = '{"length": 1.5, "kind": "u", "is wet": true}'
    (tmp_path / "a.jsonl").write_text(f"{first}\n{line}\n")

    assert refused(capsys, tabular, tmp_path / "a.jsonl") == (1, f"{tmp_path}/{message}")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "stdin"])
def test_one_document_of_json_is_not_json_lines(tabular, tmp_path, capsys, monkeypatch, name):
    """An array of rows, on one line or on several, and an object on several lines."""
    row = {"length": 1.5, "kind": "u", "is wet": True}
    says = (
        ":1: must be JSON Lines, got {}; in JSON Lines each row is an object on a line of its own; `jq -c '.[]'` "
        "makes them of an array"
    )
    for document, what in (
        (json.dumps([row, row]), "an array"),
        (json.dumps([row, row], indent=2), "an array"),
        ("[\n  " + json.dumps(row) + "\n]", "an array"),
        (json.dumps(row, indent=2), "an object on several lines"),
    ):
        content = document.encode()
        content = gzip.compress(content) if name.endswith(".gz") else content
        if name == "stdin":
            given(monkeypatch, content)
            path, where = "-", "stdin"
        else:
            path = where = tmp_path / name
            path.write_bytes(content)
        assert refused(capsys, tabular, path) == (1, f"{where}{says.format(what)}")
    (tmp_path / "a.json").write_text(json.dumps([row]))
    status, message = refused(capsys, tabular, tmp_path / "a.json")
    assert (status, message.partition("; ")[2].partition("; ")[2]) == (
        1,
        "JSON Lines have an object a line",
    )


def test_undefined_numbers_of_json_are_as_in_csv(tabular, tmp_path, capsys):
    """NaN, as Python writes it, is missing, and Infinity is no finite number; text may be either word."""
    rows = [
        ("NaN", '"u"', "NaN"),
        ("Infinity", '"u"', '"a"'),
        ("1.5", '"NaN, \\"Infinity"', '{"x": NaN, "y": -Infinity}'),
    ]
    lines = [f'{{"length": {n}, "kind": {kind}, "is wet": true, "id": {i}}}' for n, kind, i in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    text = [
        "length,kind,is wet,id",
        "NaN,u,true,",
        "Infinity,u,true,a",
        '1.5,"NaN, ""Infinity",true,"{""x"":null,""y"":""-Infinity""}"',
    ]
    (tmp_path / "a.csv").write_text("\n".join(text))
    for name in ("json", "csv"):
        aside = ("--bad-rows", tmp_path / f"{name}.csv", "--keep", "id")
        path = tmp_path / ("a.jsonl" if name == "json" else "a.csv")
        found = predicted(capsys, tabular, path, *aside)
        assert found["row"] == ["0", "2"]
        assert found["id"] == ["", '{"x":null,"y":"-Infinity"}']
        assert columns((tmp_path / f"{name}.csv").read_text())["problem"] == [
            "column 'length': 'Infinity' is not a finite number, as float32"
        ]


def test_json_lines_may_begin_with_the_mark_of_utf_8(tabular, tmp_path, capsys, monkeypatch):
    """As programs of Windows write it."""
    content = b'\xef\xbb\xbf{"length": 1.5, "kind": "u", "is wet": true}\n'
    (tmp_path / "a.jsonl").write_bytes(content)
    expected = predicted(capsys, tabular, tmp_path / "a.jsonl")
    given(monkeypatch, content)

    assert predicted(capsys, tabular, "-") == expected


def test_json_lines_without_a_column_are_refused(tabular, tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"length": 1.5, "kind": "u"}\n')

    assert refused(capsys, tabular, tmp_path / "a.jsonl") == (
        1,
        f"{tmp_path}/a.jsonl: no column 'is wet'; choose one of length, kind",
    )


# --- Standard input


def given(monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def test_standard_input_is_what_its_beginning_says(tabular, numeric, tmp_path, capsys, monkeypatch):
    """CSV or JSON Lines, also gzipped, Parquet, or an .npz of arrays."""
    rows = rows_of(tabular).select(["length", "kind", "is wet"])
    path = tabular.parent / "test.csv"
    pq.write_table(rows, tmp_path / "a.parquet")
    lines = "\n".join(map(json.dumps, rows.to_pylist()))
    expected = predicted(capsys, tabular, path)

    for content in (
        path.read_bytes(),
        gzip.compress(path.read_bytes()),
        lines.encode(),
        gzip.compress(lines.encode()),
        (tmp_path / "a.parquet").read_bytes(),
    ):
        given(monkeypatch, content)
        assert predicted(capsys, tabular, "-") == expected

    given(monkeypatch, (numeric.parent / "a.npz").read_bytes())
    assert len(predicted(capsys, numeric, "-")["row"]) == 20


@pytest.mark.parametrize("name", ["PK", "PKID", "PAR1", "PK,id"])
def test_a_csv_on_standard_input_may_begin_as_other_files_do(tabular, capsys, monkeypatch, name):
    """With the name of a primary key; zip files have the same letters, and then no text."""
    rest = ",0" * name.count(",")
    text = f"{name},length,kind,is wet\n7{rest},1,u,true\n"

    for content in (text.encode(), gzip.compress(text.encode())):
        given(monkeypatch, content)
        assert predicted(capsys, tabular, "-", "--keep", name.split(",")[0])["row"] == ["0"]


def test_a_broken_gzip_on_standard_input_is_refused(tabular, capsys, monkeypatch):
    given(monkeypatch, b"\x1f\x8b and no more")

    status, message = refused(capsys, tabular, "-")

    assert (status, message.partition(":")[0]) == (1, "stdin")


def test_errors_and_notes_name_standard_input(tabular, capsys, monkeypatch):
    given(monkeypatch, b"length,kind,is wet\n1,u,true\nlong,u,true\n2,v,true\n")

    status, message = refused(capsys, tabular, "-")

    assert status == 1
    assert message.startswith("stdin:3: column 'length': 'long' is not a finite number")


# --- Bad rows

BAD = (
    "length,kind,is wet,id\n1,u,true,a\nlong,u,true,b\n2,v,false,c\n1e300,u,true,d\n3,=w,maybe,e\n"
)


def test_rows_that_cannot_be_predicted_are_set_aside(tabular, tmp_path, capsys):
    """With their first problem and what was read; the others are predicted as without them."""
    (tmp_path / "a.csv").write_text(BAD)
    (tmp_path / "good.csv").write_text("length,kind,is wet\n1,u,true\n2,v,false\n3,=w,maybe\n")
    aside = tmp_path / "bad.csv"
    expected = predicted(capsys, tabular, tmp_path / "good.csv")

    arguments = ["predict", str(tabular), str(tmp_path / "a.csv"), "--keep", "id"]
    assert run([*arguments, "--bad-rows", str(aside)]) == 0

    out = capsys.readouterr()
    assert out.err.splitlines()[-1] == f"2 rows set aside: {aside}"
    found = columns(out.out)
    assert (found.pop("row"), found.pop("id")) == (["0", "2", "4"], ["a", "c", "e"])
    assert expected.pop("row") == ["0", "1", "2"]
    assert found == expected
    assert aside.read_text().splitlines() == [
        "row,problem,length,kind,is wet,id",
        "1,\"column 'length': 'long' is not a finite number, as float32\",long,u,true,b",
        "3,\"column 'length': '1e300' is not a finite number, as float32\",1e300,u,true,d",
    ]
    assert run([*arguments, "--bad-rows", str(aside), "--strict"]) == 1  # and it is replaced


def test_a_value_that_training_never_missed_is_set_aside(binary, tmp_path, capsys):
    rows = pa.table({"length": [1.0, None, 2.0], "kind": ["u", "v", None], "is wet": [True] * 3})
    pq.write_table(rows, tmp_path / "a.parquet")
    aside = tmp_path / "bad.csv"

    found = predicted(capsys, binary, tmp_path / "a.parquet", "--bad-rows", aside)

    assert found["row"] == ["0"]
    assert aside.read_text().splitlines() == [
        "row,problem,length,kind,is wet",
        "1,column 'length': a value is missing,,v,True",
        "2,column 'kind': a value is missing,2.0,,True",
    ]


def test_a_value_too_far_from_training_is_set_aside(tmp_path, capsys):
    """Scaled by training's deviation it is beyond float32."""
    rows = [f"{n / 1e6},{'ab'[n % 2]}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,label", *rows]))
    dataset = {"name": "csv", "path": "t.csv", "target": "label"}
    config = tmp_path / "c.yaml"
    config.write_text(json.dumps({"dataset": dataset, "training": {"epochs": 1}}))
    assert run(["fit", str(config), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    (tmp_path / "a.csv").write_text("x\n0.5\n3e38\n")

    found = predicted(
        capsys, tmp_path / "run", tmp_path / "a.csv", "--bad-rows", tmp_path / "bad.csv"
    )

    assert found["row"] == ["0"]
    lines = (tmp_path / "bad.csv").read_text().splitlines()
    assert lines == ["row,problem,x", "1,a value is too far from those of the training,3e38"]


def test_values_of_other_types_in_json_lines_are_set_aside(tabular, tmp_path, capsys):
    """Each by itself; without it the others are what they were, to the last digit."""
    lengths = ["1.5", '"long"', "0.1", "true", "[1]", "3", str(2**63)]
    row = '{{"length": {}, "kind": "u", "is wet": true, "id": {}}}'
    ids = ["1", '"b"', "null", "true", "2.5", "{}", "[1]"]
    lines = [row.format(length, one) for length, one in zip(lengths, ids, strict=True)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    good = "length,kind,is wet\n1.5,u,true\n0.1,u,true\n3,u,true\n9223372036854775808,u,true\n"
    (tmp_path / "good.csv").write_text(good)
    aside = tmp_path / "bad.csv"

    found = predicted(capsys, tabular, tmp_path / "a.jsonl", "--bad-rows", aside, "--keep", "id")

    assert found.pop("row") == ["0", "2", "5", "6"]
    assert found.pop("id") == ["1", "", "{}", "[1]"]
    expected = predicted(capsys, tabular, tmp_path / "good.csv")
    del expected["row"]
    assert found == expected
    problem = "column 'length': {!r} is not a finite number, as float32"
    lines = list(csv.DictReader(aside.read_text().splitlines()))
    assert [(line["row"], line["problem"], line["length"]) for line in lines] == [
        ("1", problem.format("long"), "long"),
        ("3", problem.format("true"), "true"),
        ("4", problem.format("[1]"), "[1]"),
    ]


def test_numbers_of_json_are_not_read_as_those_of_another_notation(tmp_path):
    """As text, 1.5 would be 15 where a point stands between thousands."""
    (tmp_path / "a.jsonl").write_text('{"x": 1.5}\n{"x": "1,5"}\n')
    notation = Notation(decimal=",", thousands=".")

    with pytest.raises(MtrainError, match="must be all numbers or all text"):
        list(json_pieces(str(tmp_path / "a.jsonl"), ["x"], 10, notation))


def test_lines_that_are_no_rows_are_never_set_aside(tabular, tmp_path, capsys):
    """They have no values by column."""
    (tmp_path / "a.jsonl").write_text('{"length": 1, "kind": "u", "is wet": true}\n{"length"\n')
    (tmp_path / "a.csv").write_text("length,kind,is wet\n1,u,true\n1,u\n")

    for name, says in (("a.jsonl", "not JSON: "), ("a.csv", "2 values; the first line names 3")):
        arguments = (tabular, tmp_path / name, "--bad-rows", tmp_path / "bad.csv")
        status, message = refused(capsys, *arguments)
        assert status == 1
        assert message.startswith(f"{tmp_path / name}:")
        assert says in message


@pytest.mark.parametrize("rows_at_once", [1, 1000])
def test_bad_rows_keep_their_numbers_over_pieces(
    tabular, tmp_path, capsys, monkeypatch, rows_at_once
):
    monkeypatch.setattr(piece, "ROWS_A_CALL", rows_at_once)
    monkeypatch.setattr(piece, "PIECE", 1)
    (tmp_path / "a.csv").write_text(BAD)
    aside = tmp_path / "bad.csv"

    found = predicted(capsys, tabular, tmp_path / "a.csv", "--bad-rows", aside)

    assert found["row"] == ["0", "2", "4"]
    assert [line.split(",")[0] for line in aside.read_text().splitlines()] == ["row", "1", "3"]


def test_bad_rows_are_written_as_they_come(tabular, tmp_path, capsys, monkeypatch):
    """However many stand before the first that can be predicted, by either engine."""
    monkeypatch.setattr(piece, "ROWS_A_CALL", 2)
    monkeypatch.setattr(piece, "PIECE", 1)
    lines = ["length,kind,is wet", *["long,u,true"] * 25, "1,u,true", "2,v,true", "3,w,true"]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    (tmp_path / "good.csv").write_text("\n".join([lines[0], *lines[-3:]]))
    saved = read_checkpoint(find_checkpoint(tabular).path)
    arguments = (tmp_path / "a.csv", saved.config.dataset, saved.encoding, 10**9)

    pieces = list(read_pieces(*arguments, sets_aside=True))

    assert max(len(one.bad) for one in pieces) <= 4
    assert [len(one.split) for one in pieces if one.split] == [2, 1]
    assert [one.row for whole in pieces for one in whole.bad] == list(range(25))
    for engine in ("auto", "tensorflow"):
        aside = ("--bad-rows", tmp_path / "bad.csv", "--engine", engine)
        found = predicted(capsys, tabular, tmp_path / "a.csv", *aside)
        expected = predicted(capsys, tabular, tmp_path / "good.csv", "--engine", engine)
        assert found.pop("row") == ["25", "26", "27"]
        assert expected.pop("row") == ["0", "1", "2"]
        assert found == expected


def test_without_bad_rows_their_file_has_no_row(tabular, tmp_path, capsys):
    aside = tmp_path / "bad.csv"
    rows = tabular.parent / "test.csv"

    assert run(["predict", str(tabular), str(rows), "--bad-rows", str(aside), "--strict"]) == 0

    assert aside.read_text() == "row,problem\n"
    assert "set aside" not in capsys.readouterr().err


def test_bad_rows_go_nowhere_else(tabular, pictorial, tmp_path, capsys):
    """Not over the data or the predictions, and not of images; without them nothing is strict."""
    rows = tabular.parent / "test.csv"
    before = rows.read_bytes()
    assert refused(capsys, tabular, rows, "--bad-rows", rows) == (
        2,
        f"--bad-rows: {rows} is what is to be predicted; name another file",
    )
    assert rows.read_bytes() == before
    (tmp_path / "notes.csv").write_text("mine\n")
    for name in ("-", "bad.parquet"):
        assert refused(capsys, tabular, rows, "--bad-rows", name) == (
            2,
            f"--bad-rows: must end in .csv, got '{name}'",
        )
    assert refused(capsys, tabular, rows, "--bad-rows", tmp_path / "notes.csv") == (
        2,
        f"--bad-rows: {tmp_path}/notes.csv exists and does not hold bad rows; name another file",
    )
    out = tmp_path / "a.csv"
    assert refused(capsys, tabular, rows, "--bad-rows", out, "--out", out) == (
        2,
        "--bad-rows: is the file of the predictions",
    )
    images = pictorial.parent / "im" / "test"
    assert refused(capsys, pictorial, images, "--bad-rows", out) == (
        2,
        "--bad-rows: the rows of this run are no tables",
    )
    assert not out.exists()
    assert refused(capsys, tabular, rows, "--strict") == (2, "--strict: needs --bad-rows")


def test_mended_bad_rows_are_not_replaced_by_their_own(tabular, tmp_path, capsys):
    """By whatever name they are read: they begin as bad rows do, and may be the only copy."""
    folder = tmp_path / "new"
    folder.mkdir()
    mended = folder / "bad.csv"
    mended.write_text("row,problem,length,kind,is wet\n1,was long,1.5,u,true\n")
    before = mended.read_bytes()
    (tmp_path / "link.csv").symlink_to(mended)
    around = tmp_path / "new" / ".." / "new" / "bad.csv"
    is_read = "{} is what is to be predicted; name another file"

    for read, written in (
        (mended, mended),
        (tmp_path / "link.csv", mended),
        (mended, tmp_path / "link.csv"),
        (mended, around),
        (folder / "b*.csv", mended),
    ):
        message = f"--bad-rows: {is_read.format(written)}"
        assert refused(capsys, tabular, read, "--bad-rows", written) == (2, message)
        assert mended.read_bytes() == before
    assert refused(capsys, tabular, folder, "--bad-rows", mended) == (
        2,
        f"--bad-rows: {mended} would be among the rows to be predicted; name another folder",
    )
    assert refused(capsys, tabular, tmp_path / "link.csv", "--out", mended) == (
        2,
        f"--out: {is_read.format(mended)}",
    )
    aside = tmp_path / "aside.csv"
    assert refused(
        capsys, tabular, mended, "--bad-rows", aside, "--out", folder / "../aside.csv"
    ) == (
        2,
        "--bad-rows: is the file of the predictions",
    )
    assert run(["predict", str(tabular), str(mended), "--bad-rows", str(aside)]) == 0


def test_a_full_disk_elsewhere_is_not_that_of_the_bad_rows(tabular, tmp_path):
    """Such as where the predictions are kept until all rows are predicted."""

    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    rows, aside = tabular.parent / "test.csv", tmp_path / "bad.csv"
    with pytest.raises(OSError, match="No space left on device"):
        predict(tabular, rows, stream=Full(), bad_rows=aside)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_of_the_bad_rows_is_named(tmp_path):
    with (
        Path("/dev/full").open("wb", buffering=0) as file,
        pytest.raises(MtrainError, match=r"bad.csv: cannot be written: No space left"),
    ):
        BadRows(file, tmp_path / "bad.csv").close()
