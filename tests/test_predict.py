from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from conftest import CONFIGS
from PIL import Image

from mtrain.cli.main import run
from mtrain.data import inputs
from mtrain.data.inputs import read_pieces
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import find_checkpoint

CLASSES = ("-b", "=cmd()", "[/x]")
COLUMNS = ["length", "kind", "is wet"]


def table(rows, seed, classes=CLASSES):
    """Features that tell the classes nearly apart."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % len(classes)
    return pa.table(
        {
            "length": (labels + generator.normal(0, 0.4, rows)).round(4),
            "kind": np.array(["u", "v", "w"])[(labels + (generator.random(rows) < 0.2)) % 3],
            "is wet": generator.random(rows) < 0.5,
            "label": np.array(classes)[labels],
        }
    )


def fit(folder, dataset, *overrides):
    """A short training, with no more said."""
    config = folder / "c.yaml"
    config.write_text(
        json.dumps(
            {"dataset": dataset, "model": {"hidden": 8}, "optimizer": {"learning_rate": 0.02}}
        )
    )
    assert (
        run(
            [
                "fit",
                str(config),
                "training.epochs=5",
                *overrides,
                "--out",
                str(folder / "run"),
                "--quiet",
            ]
        )
        == 0
    )
    return folder / "run"


def predicted(capsys, *arguments):
    """What `mtrain predict` prints, as columns of text."""
    capsys.readouterr()
    assert run(["predict", *map(str, arguments)]) == 0
    return columns(capsys.readouterr().out)


def columns(text):
    """Of CSV, as lists by name."""
    header, *rows = csv.reader(io.StringIO(text))
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def refused(capsys, *arguments):
    """The status, and what stderr says."""
    capsys.readouterr()
    status = run(["predict", *map(str, arguments)])
    out = capsys.readouterr()
    assert out.out == ""
    return status, out.err.removeprefix("mtrain: ").removesuffix("\n")


def probabilities(found):
    """As numbers of the type that they were written from."""
    values = [column for name, column in found.items() if name.startswith("probability_")]
    return np.array(values).astype(np.float32).T


def evaluated(model):
    """What evaluate wrote of each row of the test split."""
    with np.load(model / "evaluation" / "test" / "predictions.npz") as arrays:
        return arrays["y_pred"], arrays["probabilities"]


@pytest.fixture(scope="module")
def tabular(tmp_path_factory):
    """A run of three classes from CSV files, with a test file."""
    folder = tmp_path_factory.mktemp("tabular")
    pc.write_csv(table(120, 0), folder / "train.csv")
    pc.write_csv(table(30, 1), folder / "test.csv")
    dataset = {"name": "csv", "path": "train.csv", "test_path": "test.csv", "target": "label"}
    return fit(folder, {**dataset, "missing": "median"})


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    """A run of two classes whose threshold is 0.3, which refuses missing values."""
    folder = tmp_path_factory.mktemp("binary")
    pc.write_csv(table(120, 0, ("no", "yes")), folder / "train.csv")
    pc.write_csv(table(30, 1, ("no", "yes")), folder / "test.csv")
    dataset = {"name": "csv", "path": "train.csv", "test_path": "test.csv", "target": "label"}
    return fit(folder, dataset, "evaluation.threshold=0.3")


def write_images(folder, rows, seed):
    generator = np.random.default_rng(seed)
    for k in range(rows):
        place = folder / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 128, (6, 5)) + k % 2 * 100
        Image.fromarray(pixels.astype(np.uint8)).save(place / f"{'=' if k < 2 else ''}{k:02}.png")


@pytest.fixture(scope="module")
def pictorial(tmp_path_factory):
    """A run of gray images of 6 x 5 pixels."""
    folder = tmp_path_factory.mktemp("pictorial")
    write_images(folder / "im" / "train", 60, 0)
    write_images(folder / "im" / "test", 20, 1)
    return fit(folder, {"name": "images", "path": "im", "color": "gray"})


@pytest.fixture(scope="module")
def numeric(tmp_path_factory):
    """A run of arrays of floats of the shape of an image."""
    folder = tmp_path_factory.mktemp("numeric")
    generator = np.random.default_rng(0)
    rows = {
        f"x_{split}": generator.normal(size=(n, 4, 3)) for split, n in (("train", 80), ("test", 20))
    }
    labels = {f"y_{split}": np.arange(n) % 2 for split, n in (("train", 80), ("test", 20))}
    np.savez(folder / "a.npz", **rows, **labels)
    return fit(folder, {"name": "npz", "path": "a.npz"})


# --- Tables


def test_the_test_file_is_predicted_as_evaluate_saw_it(tabular, capsys):
    """Row by row, to the last digit."""
    classes, scores = evaluated(tabular)

    found = predicted(capsys, tabular, tabular.parent / "test.csv")

    assert list(found) == ["row", "predicted", *(f"probability_{name}" for name in CLASSES)]
    assert found["row"] == [str(row) for row in range(30)]
    assert [name.removeprefix("'") for name in found["predicted"]] == [CLASSES[k] for k in classes]
    assert np.array_equal(probabilities(found), scores)


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
        assert run(["predict", str(tabular), str(rows), "--out", str(tmp_path / name)]) == 0
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


SINCE = "training had no row without it; fill it in, or leave the row out"


def test_missing_values_are_refused_where_training_had_none(binary, tmp_path, capsys):
    """A line for each column, with the place of the first."""
    path = tmp_path / "a.csv"
    path.write_text("length,kind,is wet\n1,u,true\n1,,false\n,v,\nNA,v,true\n")

    assert refused(capsys, binary, path) == (
        1,
        f"{path}:4: column 'length': a value is missing; {SINCE}; so 1 more row\n"
        f"mtrain: {path}:3: column 'kind': a value is missing; {SINCE}\n"
        f"mtrain: {path}:4: column 'is wet': a value is missing; {SINCE}",
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
        ("a,kind,b\n1,u,true\n", "FILE: no column 'length'; there is a, kind, b"),
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


# --- Arrays


def test_arrays_are_predicted_as_evaluate_saw_them(numeric, tmp_path, capsys):
    """Of the training's shape, or flat."""
    classes, scores = evaluated(numeric)
    with np.load(numeric.parent / "a.npz") as arrays:
        rows = arrays["x_test"]

    for shape in ((20, 4, 3), (20, 12)):
        np.savez(tmp_path / "a.npz", x=rows.reshape(shape), y=np.zeros(3))
        found = predicted(capsys, numeric, tmp_path / "a.npz")
        assert found["predicted"] == [str(k) for k in classes]
        assert np.array_equal(probabilities(found), scores)


def test_bytes_and_floats_of_the_same_values_are_the_same_rows(finished_run, tmp_path, capsys):
    """Digits from 0 to 16."""
    rows = np.random.default_rng(0).integers(0, 17, (5, 64))
    found = []
    for kind in (np.uint8, np.int64, np.float32):
        np.savez(tmp_path / "a.npz", x=rows.astype(kind))
        found.append(predicted(capsys, finished_run, tmp_path / "a.npz"))

    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.zeros((2, 3, 4))}, "rows of the shape (3, 4); training had (4, 3)"),
        ({"x": np.zeros(12)}, "given rows must be arrays of values, got (12,)"),
        (
            {"a": np.zeros(1), "b": np.zeros(1)},
            "no array 'x'; there is a, b",
        ),
        ({"x": np.array([["a"] * 12])}, "given rows must be numbers, got <U1"),
        (
            {"x": np.where(np.arange(24) == 17, np.inf, 0.0).reshape(2, 12)},
            "given rows: inf in row 1, pixel 5; 1 values are not finite as float32",
        ),
    ],
)
def test_arrays_that_are_not_like_those_of_the_training(numeric, tmp_path, capsys, arrays, says):
    """Shapes, names and values."""
    np.savez(tmp_path / "a.npz", **arrays)

    assert refused(capsys, numeric, tmp_path / "a.npz") == (1, f"{tmp_path / 'a.npz'}: {says}")


# --- Images


def test_a_folder_of_images_is_predicted_as_evaluate_saw_it(pictorial, capsys):
    """By file; names of files are inert; hidden files are none."""
    classes, scores = evaluated(pictorial)
    folder = pictorial.parent / "im" / "test"
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(folder / "a" / ".hidden.png")

    found = predicted(capsys, pictorial, folder)

    expected = [f"{'ab'[k % 2]}/{'=' if k < 2 else ''}{k:02}.png" for k in range(20)]
    assert found["file"] == sorted(expected)
    assert found["predicted"] == ["ab"[k] for k in classes[np.argsort(sorted(expected))]]
    assert np.array_equal(probabilities(found), scores)
    found = predicted(capsys, pictorial, folder / "a")
    assert found["file"][-1] == "'=00.png"


def test_images_are_predicted_in_pieces(pictorial, tmp_path, monkeypatch, capsys):
    """To the last digit and with what was done to all of them, whatever `training.memory` is."""
    write_images(tmp_path / "im", 50, 2)
    Image.new("RGB", (5, 6), "red").save(tmp_path / "im" / "a" / "0.png")
    whole = predicted(capsys, pictorial, tmp_path / "im")
    monkeypatch.setattr(inputs, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(inputs, "PIECE", 1)
    saved = read_checkpoint(find_checkpoint(pictorial).path)
    pieces = list(read_pieces(tmp_path / "im", saved.config.dataset, saved.encoding, memory=210))

    assert [len(piece.split) for piece in pieces] == [7] * 7 + [2]
    assert sum(["1 image" in " ".join(piece.done) for piece in pieces]) == 1
    found = predicted(capsys, pictorial, tmp_path / "im")
    assert (found["row"], found["file"]) == (whole["row"], whole["file"])
    assert np.allclose(probabilities(found), probabilities(whole), atol=1e-6)


def test_of_no_arrays_there_is_a_header(pictorial, numeric, tmp_path, capsys):
    """As of a table."""
    for model, shape in ((pictorial, (0, 6, 5)), (numeric, (0, 4, 3))):
        np.savez(tmp_path / "a.npz", x=np.zeros(shape, np.uint8 if model is pictorial else float))
        capsys.readouterr()
        assert run(["predict", str(model), str(tmp_path / "a.npz")]) == 0
        classes = read_checkpoint(find_checkpoint(model).path).classes
        header = ["row", "predicted", *(f"probability_{name}" for name in classes)]
        assert capsys.readouterr().out == ",".join(header) + "\n"


def test_one_image(pictorial, capsys):
    """A row with its name."""
    _, scores = evaluated(pictorial)

    found = predicted(capsys, pictorial, pictorial.parent / "im" / "test" / "a" / "02.png")

    assert (found["row"], found["file"]) == (["0"], ["02.png"])
    assert np.allclose(probabilities(found), scores[:1], atol=1e-6)


def test_images_as_an_array(pictorial, tmp_path, capsys):
    """Bytes of the shape that the images had."""
    _, scores = evaluated(pictorial)
    folder = pictorial.parent / "im" / "test"
    files = sorted(file for file in folder.rglob("*.png") if not file.name.startswith("."))
    np.savez(tmp_path / "a.npz", x=np.stack([np.asarray(Image.open(file)) for file in files]))

    assert np.array_equal(probabilities(predicted(capsys, pictorial, tmp_path / "a.npz")), scores)


def test_images_of_another_size(pictorial, tmp_path, capsys):
    """Refused where training brought none to a size."""
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "a.png")

    assert refused(capsys, pictorial, tmp_path / "a.png") == (
        1,
        f"{tmp_path / 'a.png'}: 8 x 9 pixels; training had 6 x 5",
    )


# --- What does not fit the model


def test_inputs_of_another_kind_than_the_models(tabular, numeric, pictorial, tmp_path, capsys):
    """A table for images or arrays, an image or arrays for a table or floats."""
    picture, rows, arrays = (tmp_path / name for name in ("a.png", "a.csv", "a.npz"))
    Image.fromarray(np.zeros((4, 3), np.uint8)).save(picture)
    rows.write_text("x\n1\n")
    np.savez(arrays, x=np.zeros((1, 3)))
    of_table = "a model of a table predicts files that end in .csv, .tsv, .txt, .parquet, .pq"
    of_arrays = "a model of arrays predicts an .npz file with the array 'x'"
    of_images = (
        "a model of images predicts an image (.bmp, .gif, .jfif, .jpeg, .jpg, .png, .tif, .tiff, .webp), a folder of them, or an .npz "
        "file with the array 'x'"
    )

    for model, path, says in (
        (tabular, picture, of_table),
        (tabular, arrays, of_table),
        (numeric, picture, of_arrays),
        (numeric, rows, of_arrays),
        (pictorial, rows, of_images),
    ):
        assert refused(capsys, model, path) == (1, f"{path}: {says}")
    (tmp_path / "empty").mkdir()
    assert refused(capsys, tabular, tmp_path / "empty") == (1, f"{tmp_path / 'empty'}: {of_table}")
    says = f"{tmp_path / 'empty'}: no images (.bmp, .gif, .jfif, .jpeg, .jpg, .png, .tif, .tiff, .webp) in this folder"
    assert refused(capsys, pictorial, tmp_path / "empty") == (1, says)


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.png"])
def test_a_pipe_is_not_waited_for(request, tmp_path, capsys, name):
    """Nor a name that nothing has."""
    model = request.getfixturevalue(
        {".csv": "tabular", ".npz": "numeric", ".png": "pictorial"}[Path(name).suffix]
    )
    missing = "no such file" if name == "a.csv" else "no such file or folder"
    assert refused(capsys, model, tmp_path / name) == (1, f"{tmp_path / name}: {missing}")

    os.mkfifo(tmp_path / name)

    assert refused(capsys, model, tmp_path / name) == (1, f"{tmp_path / name}: not a file")


def test_what_is_no_checkpoint(tmp_path, capsys):
    """A config is none."""
    status, says = refused(capsys, CONFIGS / "digits.yaml", tmp_path / "a.csv")

    assert status == 1
    assert says.startswith(f"{CONFIGS / 'digits.yaml'}: ")


def test_rows_that_training_would_leave_out_are_left_out(tmp_path, capsys):
    """With `missing: drop`; the others keep their numbers."""
    path = tmp_path / "train.csv"
    pc.write_csv(table(120, 0), path)
    model = fit(
        tmp_path, {"name": "csv", "path": "train.csv", "target": "label", "missing": "drop"}
    )
    (tmp_path / "a.csv").write_text("length,kind,is wet\n1,u,true\n,u,true\n2,v,false\n")

    assert predicted(capsys, model, tmp_path / "a.csv")["row"] == ["0", "2"]
    assert run(["predict", str(model), str(tmp_path / "a.csv")]) == 0
    assert capsys.readouterr().err == f"{tmp_path / 'a.csv'}: 1 row left out: with missing values\n"


def test_idx_files_are_predicted(idx_folder, tmp_path, capsys):
    """Without an ending, or gzipped: the same as evaluate saw."""
    folder = idx_folder(classes=3)
    model = fit(tmp_path, {"name": "idx", "path": str(folder)})

    found = predicted(capsys, model, folder / "t10k-images-idx3-ubyte")
    assert np.array_equal(probabilities(found), evaluated(model)[1])


def test_escapes_in_names_stay_in_the_file(tmp_path, capsys):
    """A class name that would colour the terminal, in the predictions and in errors.csv."""
    classes = ("\x1b[31mred", "\u202eblue", "green")
    pc.write_csv(table(120, 0, classes), tmp_path / "train.csv")
    settings = {"name": "csv", "path": "train.csv", "target": "label"}
    model = fit(tmp_path, settings, "optimizer.learning_rate=1e-5")

    assert run(["predict", str(model), str(tmp_path / "train.csv")]) == 0
    text = capsys.readouterr().out + (model / "evaluation" / "test" / "errors.csv").read_text()
    assert "\\x1b[31mred" in text
    assert not {"\x1b", "\u202e"} & set(text)
