"""Rows that cannot be predicted, set aside in a file of their own."""

from __future__ import annotations

import csv
import errno
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from predicted_runs import ASIDE, columns, predicted_plainly, refused

import mtrain
from mtrain.cli.main import run
from mtrain.data.inputs import piece
from mtrain.data.inputs.read import read_pieces
from mtrain.errors import MtrainError
from mtrain.run.bad_rows import BadRows
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.files import write_csv
from mtrain.run.find_checkpoint import find_checkpoint
from mtrain.workflows.predict import predict

BAD = (
    "length,kind,is wet,id\n1,u,true,a\nlong,u,true,b\n2,v,false,c\n1e300,u,true,d\n3,=w,maybe,e\n"
)


def test_rows_that_cannot_be_predicted_are_set_aside(tabular, tmp_path, capsys):
    """With their first problem and what was read; the others are predicted as without them."""
    (tmp_path / "a.csv").write_text(BAD)
    (tmp_path / "good.csv").write_text("length,kind,is wet\n1,u,true\n2,v,false\n3,=w,maybe\n")
    aside = tmp_path / "bad.csv"
    expected = predicted_plainly(capsys, tabular, tmp_path / "good.csv")

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

    found = predicted_plainly(capsys, binary, tmp_path / "a.parquet", "--bad-rows", aside)

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

    found = predicted_plainly(
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

    found = predicted_plainly(
        capsys, tabular, tmp_path / "a.jsonl", "--bad-rows", aside, "--keep", "id"
    )

    assert found.pop("row") == ["0", "2", "5", "6"]
    assert found.pop("id") == ["1", "", "{}", "[1]"]
    expected = predicted_plainly(capsys, tabular, tmp_path / "good.csv")
    del expected["row"]
    assert found == expected
    problem = "column 'length': {!r} is not a finite number, as float32"
    lines = list(csv.DictReader(aside.read_text().splitlines()))
    assert [(line["row"], line["problem"], line["length"]) for line in lines] == [
        ("1", problem.format("long"), "long"),
        ("3", problem.format("true"), "true"),
        ("4", problem.format("[1]"), "[1]"),
    ]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_an_error_about_values_says_how_to_set_the_rows_aside(binary, tmp_path, capsys, name):
    """Text, a missing value; `mtrain.predict` has no such option, so it does not say it."""
    for length, problem in (("long", "is not a finite number"), (None, "is missing")):
        rows = [{"length": length, "kind": "u", "is wet": True}]
        if name == "a.parquet":
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        elif name == "a.csv":
            write_csv(tmp_path / name, list(rows[0]), [list(row.values()) for row in rows])
        else:
            (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))

        status, message = refused(capsys, binary, tmp_path / name)

        assert status == 1
        assert problem in message
        assert message.endswith(ASIDE)
        with pytest.raises(MtrainError, match=problem) as raised:
            mtrain.predict(binary, tmp_path / name)
        assert "bad" not in str(raised.value)


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

    found = predicted_plainly(capsys, tabular, tmp_path / "a.csv", "--bad-rows", aside)

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
        found = predicted_plainly(capsys, tabular, tmp_path / "a.csv", *aside)
        expected = predicted_plainly(capsys, tabular, tmp_path / "good.csv", "--engine", engine)
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
