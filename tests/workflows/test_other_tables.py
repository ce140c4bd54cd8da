"""Tables of another kind of file, or packed, in every command."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from mtrain.cli.main import run


def table(rows, seed):
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % 2
    return pa.table(
        {
            "x": (labels + generator.normal(0, 0.3, rows)).round(3),
            "house": (labels * 2 + generator.integers(0, 2, rows)).astype(float),
            "grade": labels + 1,
        }
    )


def write(path, content):
    """By the ending."""
    if path.suffix == ".parquet":
        pq.write_table(content, path)
    elif path.suffix == ".gz":
        plain = path.with_suffix("")
        pc.write_csv(content, plain)
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    else:
        pc.write_csv(content, path)
    return path


@pytest.fixture(scope="module", params=["csv", "csv.gz", "parquet"])
def model(request, tmp_path_factory):
    """A run of a table with whole numbers as categories and as labels."""
    folder = tmp_path_factory.mktemp("model")
    path = write(folder / f"train.{request.param}", table(80, 0))
    kind = "parquet" if request.param == "parquet" else "csv"
    dataset = {"name": kind, "path": path.name, "target": "grade", "categorical": ["house"]}
    config = {"dataset": dataset, "model": {"hidden": 4}, "training": {"epochs": 2}}
    (folder / "c.yaml").write_text(json.dumps(config))
    assert run(["fit", str(folder / "c.yaml"), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


def test_data_of_any_kind_is_evaluated_and_predicted_alike(model, tmp_path, capsys):
    """By the ending of the file; labels and categories are those of training."""
    found, predicted = [], []
    for name in ("lab.csv", "lab.csv.gz", "lab.parquet"):
        path = write(tmp_path / name, table(30, 1))
        capsys.readouterr()
        assert run(["evaluate", str(model), "--data", str(path), "--json"]) == 0
        metrics = json.loads(capsys.readouterr().out)
        assert metrics["n"] == 30
        assert metrics["data"]["notes"] == []
        found.append((metrics["loss"], metrics["accuracy"]))
        assert run(["predict", str(model), str(path)]) == 0
        predicted.append(capsys.readouterr())

    assert found[0] == found[1] == found[2]
    assert predicted[0] == predicted[1] == predicted[2]
    assert predicted[0].err == ""


def test_a_category_written_otherwise_everywhere_is_known(model, tmp_path, capsys):
    """A CSV that went through a program that writes 1.0 for 1."""
    rows = table(30, 1)
    floats = tmp_path / "floats.csv"
    lines = [f"{x},{house:.1f}" for x, house in zip(*rows.select(["x", "house"]).to_pydict().values(), strict=True)]  # fmt: skip
    floats.write_text("\n".join(["x,house", *lines, ""]))
    capsys.readouterr()
    assert run(["predict", str(model), str(write(tmp_path / "a.csv", rows))]) == 0
    expected = capsys.readouterr()
    assert run(["predict", str(model), str(floats)]) == 0

    assert capsys.readouterr() == expected
    assert expected.err == ""


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows"])
def test_init_proposes_gzipped_files_and_folders_of_splits(tmp_path, capsys, name):
    """And what it proposes can be checked."""
    path = tmp_path / name
    if name == "rows":
        path.mkdir()
        write(path / "Train.csv.gz", table(60, 0))
        write(path / "Test.csv.gz", table(20, 1))
    else:
        write(path, table(80, 0))
    arguments = ["--data", str(path), "--target", "grade"]
    assert run(["init", str(tmp_path / "c.yaml"), *arguments]) == 0
    capsys.readouterr()
    assert run(["check", str(tmp_path / "c.yaml")]) == 0

    rows = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("rows"))
    assert rows.split() == ["rows", "48" if name == "rows" else "51", "12" if name == "rows" else "13", "20" if name == "rows" else "16"]  # fmt: skip
