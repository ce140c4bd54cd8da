"""Arrays, images and files of other kinds are predicted as `evaluate` saw them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.csv as pc
import pytest
from conftest import CONFIGS
from PIL import Image
from predicted_runs import evaluated, fit, predicted, probabilities, refused, table, write_images

from mtrain.cli.main import run
from mtrain.data.inputs import piece
from mtrain.data.inputs.read import read_pieces
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import find_checkpoint

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
            "no array 'x'; the file has a, b",
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
    monkeypatch.setattr(piece, "ROWS_A_CALL", 7)
    monkeypatch.setattr(piece, "PIECE", 1)
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


def test_an_image_is_on_another_scale_than_digits(finished_run, tmp_path, capsys):
    """Theirs ends at 16, an image's at 255."""
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "a.png")
    says = "a model of arrays predicts an .npz file with the array 'x'"

    assert refused(capsys, finished_run, tmp_path / "a.png") == (1, f"{tmp_path / 'a.png'}: {says}")


def test_inputs_of_another_kind_than_the_models(tabular, numeric, pictorial, tmp_path, capsys):
    """A table for images or arrays, an image or arrays for a table or floats."""
    picture, rows, arrays = (tmp_path / name for name in ("a.png", "a.csv", "a.npz"))
    Image.fromarray(np.zeros((4, 3), np.uint8)).save(picture)
    rows.write_text("x\n1\n")
    np.savez(arrays, x=np.zeros((1, 3)))
    of_table = "the run is of a table; its rows to predict must be in files that end in .csv, .tsv, .txt, .parquet, .pq, .jsonl, .ndjson"
    of_arrays = "a model of arrays predicts an .npz file with the array 'x'"
    of_images = (
        "this run predicts an image (.bmp, .gif, .jfif, .jpeg, .jpg, .png, .tif, .tiff, .webp), a folder of them, an IDX file, or an .npz "
        "file with the array 'x_test' or 'x'"
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
