"""Rows to predict are read, predicted and written some at a time."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtrain.cli.main import run
from mtrain.data.inputs import piece
from mtrain.data.inputs.read import read_pieces
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import find_checkpoint

ROWS = 10_000
"""Five calls of the network."""


def rows_of(n, seed=0):
    generator = np.random.default_rng(seed)
    return {
        "x": generator.normal(size=n).round(3).tolist(),
        "word": np.array(["u", "v", "w"])[generator.integers(0, 3, n)].tolist(),
        "label": np.array(["a", "b"])[generator.integers(0, 2, n)].tolist(),
    }


def write(path, columns):
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path, row_group_size=777)
        return path
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A run that may hold a megabyte of data."""
    folder = tmp_path_factory.mktemp("model")
    write(folder / "train.csv", rows_of(300))
    dataset = {"name": "csv", "path": "train.csv", "target": "label"}
    training = {"epochs": 1, "memory": "1MB"}
    config = {"dataset": dataset, "model": {"hidden": 4}, "training": training}
    (folder / "c.yaml").write_text(json.dumps(config))
    arguments = ["fit", str(folder / "c.yaml"), "--out", str(folder / "run"), "--quiet"]
    assert run(arguments) == 0
    return folder / "run"


@pytest.fixture(scope="module")
def expected(model, tmp_path_factory):
    """What is predicted of all rows at once, as text."""
    out = tmp_path_factory.mktemp("out") / "p.csv"
    path = write(out.with_name("rows.csv"), rows_of(ROWS))
    assert run(["predict", str(model), str(path), "--out", str(out)]) == 0
    return out.read_text()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet", "shards"])
def test_pieces_give_what_all_rows_give(model, expected, tmp_path, monkeypatch, capsys, name):
    """To the last digit and in order, whatever the file's own blocks are."""
    monkeypatch.setattr(piece, "PIECE", 1)
    monkeypatch.setattr("mtrain.data.sources.csv.BLOCK", 5000)
    columns = rows_of(ROWS)
    path = tmp_path / name
    if name == "shards":
        for part, start in enumerate((0, 3000, 3001)):
            end = (3000, 3001, ROWS)[part]
            some = {name: values[start:end] for name, values in columns.items()}
            write(path / f"{part}.{('csv', 'csv.gz', 'csv')[part]}", some)
    else:
        write(path, columns)
    capsys.readouterr()

    assert run(["predict", str(model), str(path)]) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_no_piece_is_larger_than_it_may_be(model, tmp_path, monkeypatch, name):
    """All but the last are of as many rows; the file is larger than training.memory."""
    monkeypatch.setattr(piece, "PIECE", 4096 * 4 * 4)  # of four inputs of four bytes
    path = write(tmp_path / name, rows_of(200_000))
    saved = read_checkpoint(find_checkpoint(model).path)
    pieces = read_pieces(path, saved.config.dataset, saved.encoding, memory=1_000_000)

    sizes = [len(piece.split) for piece in pieces]
    assert sizes == [4096] * 48 + [200_000 - 48 * 4096]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_out_has_all_pieces(model, expected, tmp_path, monkeypatch, form):
    """In Parquet as row groups of one file."""
    monkeypatch.setattr(piece, "PIECE", 1)
    path, out = write(tmp_path / "a.csv", rows_of(ROWS)), tmp_path / f"p.{form}"
    assert run(["predict", str(model), str(path), "--out", str(out)]) == 0

    if form == "csv":
        assert out.read_text() == expected
    else:
        read = pq.read_table(out)
        assert read["row"].to_pylist() == list(range(ROWS))
        rows = list(csv.reader(io.StringIO(expected)))[1:]
        assert read["predicted"].to_pylist() == [row[1] for row in rows]
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_of_rows_that_are_wrong_at_the_end_nothing_is_written(model, tmp_path, monkeypatch, capsys):
    """With the line, behind pieces that were predicted already."""
    monkeypatch.setattr(piece, "PIECE", 1)
    monkeypatch.setattr("mtrain.data.sources.csv.BLOCK", 5000)
    path = write(tmp_path / "a.csv", rows_of(ROWS))
    for more, says in (
        ("1_0,u,a\n", "column 'x': '1_0' is not a finite number"),
        (",u,a\n", "column 'x': a value is missing; no training row lacked it"),
        ("1,u\n", "2 values; the first line names 3 columns"),
    ):
        wrong = tmp_path / "wrong.csv"
        wrong.write_text(path.read_text() + more)
        capsys.readouterr()
        assert run(["predict", str(model), str(wrong)]) == 1
        out = capsys.readouterr()
        assert out.out == ""
        assert out.err.startswith(f"mtrain: {wrong}:{ROWS + 2}: {says}")
        for form in ("csv", "parquet"):
            out = tmp_path / f"p.{form}"
            assert run(["predict", str(model), str(wrong), "--out", str(out)]) == 1
            gc.collect()  # pyarrow's writer may print as it goes
            assert capsys.readouterr().err.startswith(f"mtrain: {wrong}:{ROWS + 2}: {says}")
            assert sorted(file.name for file in tmp_path.iterdir()) == ["a.csv", "wrong.csv"]


def test_unknown_categories_are_counted_over_all_pieces(model, tmp_path, monkeypatch, capsys):
    """As one note."""
    monkeypatch.setattr(piece, "PIECE", 1)
    columns = rows_of(ROWS)
    for row in (1, 5000, 9999):
        columns["word"][row] = "new"
    path = write(tmp_path / "a.csv", columns)
    capsys.readouterr()

    assert run(["predict", str(model), str(path)]) == 0
    assert capsys.readouterr().err == (
        "in 3 rows column 'word' has a category unseen in training; it is encoded as zeros\n"
    )


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.parquet"])
@pytest.mark.parametrize("form", [None, "csv", "parquet"])
def test_of_no_rows_there_is_a_header(model, expected, tmp_path, capsys, name, form):
    """And status 0."""
    empty = {"x": pa.array([], pa.float64()), "word": pa.array([], pa.string())}
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.table(empty), path)
    else:
        write(path, {name: [] for name in empty})
    header = expected.partition("\n")[0]
    out = [] if form is None else ["--out", str(tmp_path / f"p.{form}")]
    capsys.readouterr()

    assert run(["predict", str(model), str(path), *out]) == 0
    if form is None:
        assert capsys.readouterr().out == f"{header}\n"
    elif form == "csv":
        assert (tmp_path / "p.csv").read_text() == f"{header}\n"
    else:
        read = pq.read_table(tmp_path / "p.parquet")
        assert (read.num_rows, read.column_names) == (0, header.split(","))


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "jsonl", "ndjson.gz"])
def test_pieces_say_how_much_of_the_files_is_read(model, tmp_path, monkeypatch, kind):
    """By bytes as they are in the files; at least as much as the rows that are predicted."""
    monkeypatch.setattr(piece, "PIECE", 1)
    monkeypatch.setattr("mtrain.data.sources.csv.SMALL_BLOCK", 1 << 12)
    monkeypatch.setattr("mtrain.data.sources.csv.COLUMN_BLOCK", 1 << 10)
    monkeypatch.setattr("mtrain.data.sources.json_lines.ROWS_AT_ONCE", 500)
    is_json = "json" in kind  # of which a path names one file
    for name, n in (("a", ROWS // 10), ("b", ROWS)):
        path = tmp_path / "rows" / f"{name}.{kind}"
        if is_json:
            path.parent.mkdir(exist_ok=True)
            content = "\n".join(map(json.dumps, pa.table(rows_of(n)).to_pylist())).encode()
            path.write_bytes(gzip.compress(content) if kind.endswith("gz") else content)
        else:
            write(path, rows_of(n))
    saved = read_checkpoint(find_checkpoint(model).path)
    place = path if is_json else path.parent

    pieces = list(read_pieces(place, saved.config.dataset, saved.encoding, 10**9))
    read = [one.read for one in pieces]

    assert len(read) >= 5
    assert read == sorted(read)
    assert read[-1] == 1
    assert read[0] < 0.6 or kind.endswith("gz")  # whose bytes Python reads many at a time
    rows = np.cumsum([len(one.split) for one in pieces])
    assert all(share >= 0.9 * n / rows[-1] for share, n in zip(read, rows, strict=True))
