"""Predictions as a job needs them: columns that go with them, standard input, JSON Lines."""

from __future__ import annotations

import gzip
import io
import json
import sys
from datetime import date
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from predicted_runs import columns, refused, table

from mtrain.cli.main import run
from mtrain.data.inputs import piece


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
    assert (found["when"][1], found["tags"][1]) == ("2026-01-02", "[1, 2]")
    assert found["size"][:2] == ["1.5", ""]
    written = pq.read_table(tmp_path / "out.parquet")
    assert written["when"].to_pylist() == when.to_pylist()
    assert written["tags"].to_pylist() == tags.to_pylist()


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
        ("[1, 2]", 'a.jsonl:2: must be an object, as {"width": 1.5}'),
        (
            '{"length": "x", "kind": "u", "is wet": true}',
            "a.jsonl: column 'length': must be all numbers or all text, got float and str",
        ),
    ],
)
def test_lines_that_are_no_rows_are_named(tabular, tmp_path, capsys, line, message):
    first = '{"length": 1.5, "kind": "u", "is wet": true}'
    (tmp_path / "a.jsonl").write_text(f"{first}\n{line}\n")

    assert refused(capsys, tabular, tmp_path / "a.jsonl") == (1, f"{tmp_path}/{message}")


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
    """CSV, also gzipped, JSON Lines, Parquet, or an .npz of arrays."""
    rows = rows_of(tabular).select(["length", "kind", "is wet"])
    path = tabular.parent / "test.csv"
    pq.write_table(rows, tmp_path / "a.parquet")
    lines = "\n".join(map(json.dumps, rows.to_pylist()))
    expected = predicted(capsys, tabular, path)

    for content in (
        path.read_bytes(),
        gzip.compress(path.read_bytes()),
        lines.encode(),
        (tmp_path / "a.parquet").read_bytes(),
    ):
        given(monkeypatch, content)
        assert predicted(capsys, tabular, "-") == expected

    given(monkeypatch, (numeric.parent / "a.npz").read_bytes())
    assert len(predicted(capsys, numeric, "-")["row"]) == 20


def test_errors_and_notes_name_standard_input(tabular, capsys, monkeypatch):
    given(monkeypatch, b"length,kind,is wet\n1,u,true\nlong,u,true\n2,v,true\n")

    status, message = refused(capsys, tabular, "-")

    assert status == 1
    assert message.startswith("stdin:3: column 'length': 'long' is not a finite number")
