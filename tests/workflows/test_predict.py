from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from predicted_runs import (
    ASIDE,
    CLASSES,
    columns,
    evaluated,
    fit,
    predicted,
    probabilities,
    refused,
)

import mtrain
from mtrain.cli.main import run
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import find_checkpoint

# --- Tables


def test_the_test_file_is_predicted_as_evaluate_saw_it(tabular, capsys):
    """Row by row, to the last digit."""
    classes, scores = evaluated(tabular)

    found = predicted(capsys, tabular, tabular.parent / "test.csv")

    assert list(found) == ["row", "predicted", *(f"probability_{name}" for name in CLASSES)]
    assert found["row"] == [str(row) for row in range(30)]
    assert [name.removeprefix("'") for name in found["predicted"]] == [CLASSES[k] for k in classes]
    assert np.array_equal(probabilities(found), scores)


def test_numpy_predicts_as_tensorflow_to_a_millionth(tabular, tmp_path, capsys, monkeypatch):
    """And TensorFlow is not loaded for it."""
    rows = tabular.parent / "test.csv"
    expected = predicted(capsys, tabular, rows)
    monkeypatch.setattr("mtrain.engine.backend.load_tensorflow", None)

    assert run(["predict", str(tabular), str(rows)]) == 0

    found = columns(capsys.readouterr().out)
    assert (found["row"], found["predicted"]) == (expected["row"], expected["predicted"])
    np.testing.assert_allclose(probabilities(found), probabilities(expected), atol=1e-6, rtol=0)


def test_an_unknown_engine_is_refused(tabular):
    with pytest.raises(
        mtrain.UsageError, match=r"engine: choose one of auto, tensorflow, got 'jax'"
    ):
        mtrain.predict(tabular, tabular.parent / "test.csv", engine="jax")


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_columns_are_matched_by_name(tabular, tmp_path, capsys, form):
    """In another order, among others and without a label, also from Parquet or tabs."""
    _, scores = evaluated(tabular)
    rows = pc.read_csv(tabular.parent / "test.csv").select(["is wet", "kind", "length"])
    numbers = pa.array(range(30))
    rows = rows.add_column(1, "more", numbers).add_column(0, "", numbers)
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        pq.write_table(rows, path)
    else:
        delimiter = "\t" if form == "tsv" else ","
        pc.write_csv(rows, path, pc.WriteOptions(delimiter=delimiter))

    assert np.array_equal(probabilities(predicted(capsys, tabular, path)), scores)


def test_rows_keep_their_order_over_shards(tabular, tmp_path, capsys):
    """Files of a folder, or of a pattern, by name."""
    rows = pc.read_csv(tabular.parent / "test.csv")
    for part in range(3):
        pc.write_csv(rows[10 * part : 10 * part + 10], tmp_path / f"{part}.csv")
    _, scores = evaluated(tabular)

    for path in (tmp_path, tmp_path / "*.csv"):
        found = predicted(capsys, tabular, path)
        assert found["row"] == [str(row) for row in range(30)]
        assert np.array_equal(probabilities(found), scores)


def test_text_that_a_spreadsheet_would_run_is_inert(tabular, capsys):
    """Names of classes; in Parquet they are what they are."""
    found = predicted(capsys, tabular, tabular.parent / "test.csv")

    assert set(found["predicted"]) == {"'=cmd()", "'-b", "[/x]"}


def test_out_is_csv_or_parquet_by_its_ending(tabular, tmp_path, capsys):
    """With the same rows; Parquet has numbers, and names as they are."""
    rows = tabular.parent / "test.csv"
    printed = predicted(capsys, tabular, rows)
    classes, scores = evaluated(tabular)

    for name in ("a.csv", "a.PARQUET"):
        out = ["--out", str(tmp_path / name), "--engine", "tensorflow"]
        assert run(["predict", str(tabular), str(rows), *out]) == 0
        assert capsys.readouterr().out == f"predictions: {tmp_path / name}\n"

    assert columns((tmp_path / "a.csv").read_text()) == printed
    written = pq.read_table(tmp_path / "a.PARQUET")
    assert [str(field.type) for field in written.schema] == ["int64", "string", *["float"] * 3]
    assert written["predicted"].to_pylist() == [CLASSES[k] for k in classes]
    assert np.array_equal(probabilities(written.to_pydict()), scores)
    assert written["row"].to_pylist() == list(range(30))


def test_out_of_another_ending_or_over_the_input_is_refused(tabular, tmp_path, capsys):
    """Before anything is read."""
    rows = shutil.copy(tabular.parent / "test.csv", tmp_path / "rows.csv")
    before = rows.read_bytes()

    assert refused(capsys, tabular, "nowhere", "--out", "a.json") == (
        2,
        "--out: must end in .csv or .parquet, got 'a.json'",
    )
    (tmp_path / "link.csv").symlink_to(rows)
    for name in ("rows.csv", "link.csv"):
        out = tmp_path / name
        assert refused(capsys, tabular, rows, "--out", out) == (
            2,
            f"--out: {out} is what is to be predicted; name another file",
        )
    assert rows.read_bytes() == before
    out = tmp_path / "nowhere" / "a.csv"
    says = f"{out}: cannot be written: No such file or directory"
    assert refused(capsys, tabular, rows, "--out", out) == (1, says)


def test_out_replaces_predictions_and_nothing_else(tabular, tmp_path, capsys):
    """Not the data, not a file of the run; earlier predictions and an empty file are."""
    rows = tabular.parent / "test.csv"
    run_copy = shutil.copytree(tabular, tmp_path / "run")
    data = shutil.copy(tabular.parent / "train.csv", tmp_path / "train.csv")
    table = tmp_path / "train.parquet"
    pq.write_table(pc.read_csv(data), table)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1")
    for out in (data, table, run_copy / "by_class.csv", tmp_path / "damaged.parquet"):
        before = Path(out).read_bytes()
        says = f"--out: {out} exists and does not hold predictions; name another file"
        assert refused(capsys, run_copy, rows, "--out", out) == (2, says)
        assert Path(out).read_bytes() == before

    (tmp_path / "empty.csv").touch()
    for name in ("empty.csv", "new.parquet"):
        for _ in range(2):
            assert run(["predict", str(run_copy), str(rows), "--out", str(tmp_path / name)]) == 0


def test_missing_values_are_what_training_made_of_them(tabular, tmp_path, capsys):
    """The median of the training rows; of text none of the categories."""
    fill = read_checkpoint(find_checkpoint(tabular).path).encoding.columns[0].fill
    rows = pc.read_csv(tabular.parent / "train.csv")
    trained = rows["length"].to_pylist()
    assert min(trained) < fill < max(trained)
    (tmp_path / "a.csv").write_text(
        f"length,kind,is wet\n,u,true\n{fill!r},u,TRUE\n1,,false\n1,other,False\n"
    )

    scores = probabilities(predicted(capsys, tabular, tmp_path / "a.csv"))

    # A row's last bit depends on where in a vector the CPU computes it.
    assert np.allclose(scores[0], scores[1], rtol=1e-6, atol=0)
    assert np.allclose(scores[2], scores[3], rtol=1e-6, atol=0)


SINCE = "no training row lacked it; fill it in, or leave the row out"


def test_missing_values_are_refused_where_training_had_none(binary, tmp_path, capsys):
    """A line for each column, with the place of the first."""
    path = tmp_path / "a.csv"
    path.write_text("length,kind,is wet\n1,u,true\n1,,false\n,v,\nNA,v,true\n")

    assert refused(capsys, binary, path) == (
        1,
        f"{path}:4: column 'length': a value is missing; {SINCE}; likewise in 1 more row\n"
        f"mtrain: {path}:3: column 'kind': a value is missing; {SINCE}\n"
        f"mtrain: {path}:4: column 'is wet': a value is missing; {SINCE}" + ASIDE,
    )


def test_unknown_categories_are_counted_on_stderr(tabular, tmp_path, capsys):
    """Each row as if of no category."""
    (tmp_path / "a.csv").write_text("length,kind,is wet\n1,new\x1b,true\n1,u,yes\n1,newer,true\n")

    assert run(["predict", str(tabular), str(tmp_path / "a.csv")]) == 0

    out = capsys.readouterr()
    assert out.err.splitlines() == [
        f"WARNING: in {n} of 3 rows ({share}) column {name!r} has a category unseen in training; it "
        "is encoded as zeros, and the model cannot see what it is; are categories written as in training?"
        for n, share, name in ((2, "67%", "kind"), (1, "33%", "is wet"))
    ]
    assert len(out.out.splitlines()) == 4


def test_values_unlike_those_of_the_training_are_told_where_they_are_many(
    tabular, tmp_path, capsys
):
    """Numbers in another notation, and such as are missing; of many rows a few are not."""
    lines = {
        "far": ["1e9,u,true"] * 2 + ["1,u,true"] * 8,
        "missing": [",u,true"] * 2 + ["1,u,true"] * 8,
        "few": ["1e9,u,true", ",u,true"] + ["1,u,true"] * 18,
    }
    said = {}
    for name, rows in lines.items():
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join(["length,kind,is wet", *rows, ""]))
        assert run(["predict", str(tabular), str(path)]) == 0
        said[name] = capsys.readouterr().err

    fill = read_checkpoint(find_checkpoint(tabular).path).encoding.columns[0].fill
    start = "in 2 of 10 rows (20%) column 'length' is"
    assert said == {
        "far": f"WARNING: {start} more than 10 standard deviations from its mean in training; are "
        "numbers written as in training?\n",
        "missing": f"{start} missing; {fill:g} stands for it\n",
        "few": "",
    }


def test_points_between_thousands_are_doubted_where_training_says_so(tmp_path, capsys):
    """Whole numbers to train on, then a file that writes 180642 as 180.642; one row is enough."""
    generator = np.random.default_rng(0)
    income = generator.integers(14_000, 190_000, 120)
    ratio = generator.normal(size=120).round(3)
    lines = [f"{i},{r},{'yn'[int(i > 90_000)]}" for i, r in zip(income, ratio, strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["income,ratio,y", *lines, ""]))
    dataset = {"name": "csv", "path": str(tmp_path / "train.csv"), "target": "y"}
    model = fit(tmp_path, dataset)
    capsys.readouterr()
    said = {}
    for number in ("180642", "180.642", "90.000"):
        rows = tmp_path / f"{number}.csv"
        rows.write_text(f"income,ratio\n{number},1.234\n")
        assert run(["predict", str(model), str(rows)]) == 0
        said[number] = capsys.readouterr().err.replace(str(rows), "FILE")

    assert said == {
        "180642": "",
        "180.642": "FILE: column 'income': is 180.642 the number 180642? That would be nearer to the "
        "training; numbers are written as in 1234.5 or 1e-3\n",
        "90.000": "FILE: column 'income': is 90.000 the number 90000? That would be nearer to the "
        "training; numbers are written as in 1234.5 or 1e-3\n",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("lenght,kind,is wet\n1,u,true\n", "FILE: no column 'length'; did you mean 'lenght'?"),
        ("a,kind,b\n1,u,true\n", "FILE: no column 'length'; choose one of a, kind, b"),
        (
            "length,kind,is wet\n1,u,true\n1_0,u,true\n",
            "FILE:3: column 'length': '1_0' is not a finite number, but the rest of the column is numeric",
        ),
        ("length,kind,is wet\n1,u\n", "FILE:2: 2 values; the first line names 3 columns"),
        ("", "FILE: is empty; the first line must name the columns"),
    ],
)
def test_rows_that_are_not_like_those_of_the_training(tabular, tmp_path, capsys, content, says):
    """The nearest name, or the place."""
    path = tmp_path / "a.csv"
    path.write_text(content)

    status, found = refused(capsys, tabular, path)

    assert (status, found.splitlines()[0]) == (1, says.replace("FILE", str(path)))


def test_the_threshold_is_that_of_the_run_or_the_one_given(binary, capsys):
    """Above it the second class is predicted; every probability stays the same."""
    classes, scores = evaluated(binary)
    rows = binary.parent / "test.csv"
    found = predicted(capsys, binary, rows)

    assert found["predicted"] == [("no", "yes")[k] for k in classes]
    assert np.array_equal(classes, scores[:, 1] > np.float32(0.3))
    for threshold in (0, 0.5, 1):
        again = predicted(capsys, binary, rows, "--threshold", threshold)
        assert [name == "yes" for name in again["predicted"]] == (scores[:, 1] > threshold).tolist()
        assert again | {"predicted": found["predicted"]} == found


def test_a_threshold_of_the_run_is_said(binary, capsys):
    """Where none is given: without it, a class of the lower probability would look wrong."""
    arguments = ["predict", str(binary), str(binary.parent / "test.csv")]
    assert run(arguments) == 0
    says = "'yes' is predicted above 0.3, by the run's evaluation.threshold\n"
    assert says in capsys.readouterr().err
    assert run([*arguments, "--threshold", "0.3"]) == 0
    assert "is predicted above" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("threshold", "says"),
    [
        ("1.5", "--threshold: must be between 0 and 1, got 1.5"),
        ("nan", "--threshold: must be between 0 and 1, got nan"),
    ],
)
def test_a_threshold_that_cannot_be(binary, capsys, threshold, says):
    """Said before the rows are read."""
    assert refused(capsys, binary, "nowhere.csv", "--threshold", threshold) == (2, says)


def test_a_threshold_of_three_classes(tabular, capsys):
    """There is none."""
    assert refused(capsys, tabular, "nowhere.csv", "--threshold", "0.5") == (
        2,
        "--threshold: is for two classes, this run has 3",
    )
