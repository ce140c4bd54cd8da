"""Predictions of JSON Lines, and of standard input."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from predicted_runs import ASIDE, columns, given, predicted_plainly, refused, rows_of

from mtrain.data.notation import Notation
from mtrain.data.sources.json_lines import json_pieces
from mtrain.errors import MtrainError


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

    found = predicted_plainly(capsys, tabular, tmp_path / name)

    assert found == predicted_plainly(capsys, tabular, tmp_path / "same.csv")


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
            "mtrain: the model's config says that numbers are written as in 1234.5 or 1e-3" + ASIDE,
        ),
        (
            '{"length": "x", "kind": "u", "is wet": true}',
            "a.jsonl:2: column 'length': 'x' is not a finite number, but the rest of the column is numeric\n"
            "mtrain: the model's config says that numbers are written as in 1234.5 or 1e-3" + ASIDE,
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
        found = predicted_plainly(capsys, tabular, path, *aside)
        assert found["row"] == ["0", "2"]
        assert found["id"] == ["", '{"x":null,"y":"-Infinity"}']
        assert columns((tmp_path / f"{name}.csv").read_text())["problem"] == [
            "column 'length': 'Infinity' is not a finite number, as float32"
        ]


def test_json_lines_may_begin_with_the_mark_of_utf_8(tabular, tmp_path, capsys, monkeypatch):
    """As programs of Windows write it."""
    content = b'\xef\xbb\xbf{"length": 1.5, "kind": "u", "is wet": true}\n'
    (tmp_path / "a.jsonl").write_bytes(content)
    expected = predicted_plainly(capsys, tabular, tmp_path / "a.jsonl")
    given(monkeypatch, content)

    assert predicted_plainly(capsys, tabular, "-") == expected


def test_json_lines_without_a_column_are_refused(tabular, tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"length": 1.5, "kind": "u"}\n')

    assert refused(capsys, tabular, tmp_path / "a.jsonl") == (
        1,
        f"{tmp_path}/a.jsonl: no column 'is wet'; choose one of length, kind",
    )


def test_standard_input_is_what_its_beginning_says(tabular, numeric, tmp_path, capsys, monkeypatch):
    """CSV or JSON Lines, also gzipped, Parquet, or an .npz of arrays."""
    rows = rows_of(tabular).select(["length", "kind", "is wet"])
    path = tabular.parent / "test.csv"
    pq.write_table(rows, tmp_path / "a.parquet")
    lines = "\n".join(map(json.dumps, rows.to_pylist()))
    expected = predicted_plainly(capsys, tabular, path)

    for content in (
        path.read_bytes(),
        gzip.compress(path.read_bytes()),
        lines.encode(),
        gzip.compress(lines.encode()),
        (tmp_path / "a.parquet").read_bytes(),
    ):
        given(monkeypatch, content)
        assert predicted_plainly(capsys, tabular, "-") == expected

    given(monkeypatch, (numeric.parent / "a.npz").read_bytes())
    assert len(predicted_plainly(capsys, numeric, "-")["row"]) == 20


@pytest.mark.parametrize("name", ["PK", "PKID", "PAR1", "PK,id"])
def test_a_csv_on_standard_input_may_begin_as_other_files_do(tabular, capsys, monkeypatch, name):
    """With the name of a primary key; zip files have the same letters, and then no text."""
    rest = ",0" * name.count(",")
    text = f"{name},length,kind,is wet\n7{rest},1,u,true\n"

    for content in (text.encode(), gzip.compress(text.encode())):
        given(monkeypatch, content)
        assert predicted_plainly(capsys, tabular, "-", "--keep", name.split(",")[0])["row"] == ["0"]


def test_a_broken_gzip_on_standard_input_is_refused(tabular, capsys, monkeypatch):
    given(monkeypatch, b"\x1f\x8b and no more")

    status, message = refused(capsys, tabular, "-")

    assert (status, message.partition(":")[0]) == (1, "stdin")


def test_errors_and_notes_name_standard_input(tabular, capsys, monkeypatch):
    given(monkeypatch, b"length,kind,is wet\n1,u,true\nlong,u,true\n2,v,true\n")

    status, message = refused(capsys, tabular, "-")

    assert status == 1
    assert message.startswith("stdin:3: column 'length': 'long' is not a finite number")


def test_numbers_of_json_are_not_read_as_those_of_another_notation(tmp_path):
    """As text, 1.5 would be 15 where a point stands between thousands."""
    (tmp_path / "a.jsonl").write_text('{"x": 1.5}\n{"x": "1,5"}\n')
    notation = Notation(decimal=",", thousands=".")

    with pytest.raises(MtrainError, match="must be all numbers or all text"):
        list(json_pieces(str(tmp_path / "a.jsonl"), ["x"], 10, notation))
