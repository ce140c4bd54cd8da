"""Exported models predict, from raw rows, what their runs predict."""

from __future__ import annotations

import csv
import json
import subprocess
import zipfile
from hashlib import sha256

import numpy as np
import onnx
import onnxruntime
import pytest
from mlflow_server import TRACKERS, needs_trackers
from tables import trained, write_table

import mtrain
from mtrain.exporting.onnx_file import run_onnx
from mtrain.exporting.saved_model import run_saved_model

FORMATS = ("onnx", "saved_model", "keras")

MISSING = {"missing": 0.2}

MEAN = {"dataset": {"missing": "mean"}}

OF_TABLES = {
    "numbers and categories": ({}, {}),
    "two classes": ({"classes": 2}, {}),
    "a threshold": ({"classes": 2}, {"evaluation": {"threshold": 0.31}}),
    "missing, the mean": (MISSING, MEAN),
    "missing by markers, the mean": (
        {**MISSING, "markers": ("-999", "?")},
        {"dataset": {"missing": "mean", "missing_values": [-999, "?"]}},
    ),
    "missing by markers, dropped": (
        {**MISSING, "markers": ("-999", "?")},
        {"dataset": {"missing": "drop", "missing_values": [-999, "?"]}},
    ),
    "missing, zero": (MISSING, {"dataset": {"missing": "zero"}}),
    "missing, dropped": (MISSING, {"dataset": {"missing": "drop"}}),
    "not scaled": ({}, {"dataset": {"scale": "none", "exclude": ["a year/of birth"]}}),
    "categories alone": ({}, {"dataset": {"features": ["color", "label"]}}),
    "robust, missing, flagged": (
        MISSING,
        {"dataset": {"missing": {"fill": "zero", "flag": True}, "scale": "robust"}},
    ),
    "quantile, missing, flagged": (
        MISSING,
        {"dataset": {"missing": {"flag": True}, "scale": "quantile"}},
    ),
    "missing by markers, flagged, rare": (
        {**MISSING, "markers": ("-999", "?")},
        {
            "dataset": {
                "missing": {"flag": True},
                "missing_values": [-999, "?"],
                "rare": 31,  # of four colours two have fewer
            }
        },
    ),
    "no hidden layer": ({}, {"model": {"hidden": []}}),
    "normalised, dropout, penalties": (
        {},
        {"model": {"batch_norm": True, "dropout": 0.2, "l2": 1e-3, "activity": 1e-4}},
    ),
    "a thousand classes": ({"rows": 8000, "classes": 1000}, {"training": {"epochs": 1}}),
}


def served(path, inputs):
    session = onnxruntime.InferenceSession(str(path))
    return session.run(["label", "probabilities"], inputs)


def arrays(kind, rows=200, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    shape, dtype = {
        "gray images": ((6, 5), np.uint8),
        "images in colour": ((4, 4, 3), np.uint8),
        "bytes": ((7,), np.uint8),
        "numbers": ((3, 2), np.float32),
    }[kind]
    noise = generator.normal(size=(rows, *shape)) + labels.reshape(-1, *[1] * len(shape))
    if dtype == np.uint8:
        noise = np.clip(noise * 40 + 100, 0, 255)
    return noise.astype(dtype), labels


@pytest.mark.parametrize("scale", ["auto", "standard"])
@pytest.mark.parametrize("kind", ["gray images", "images in colour", "bytes", "numbers"])
def test_arrays_are_predicted_from_raw_rows(tmp_path, kind, scale):
    features, labels = arrays(kind)
    np.savez(tmp_path / "a.npz", x_train=features, y_train=labels)
    dataset = {"name": "npz", "path": str(tmp_path / "a.npz"), "scale": scale}
    config = {"dataset": dataset, "model": {"hidden": [8]}, "training": {"epochs": 3}}
    run = mtrain.fit(config, out=tmp_path / "run", progress=False)

    for file_format in FORMATS:
        exported = mtrain.export(run, file_format=file_format)
        (taken,) = exported.inputs
        assert taken.name == ("image" if "images" in kind else "x")
        assert (taken.type, taken.shape) == (features.dtype.name, features.shape[1:])
        assert exported.proof.changed == 0
        assert exported.proof.largest_difference < 1e-5


@pytest.mark.parametrize("name", OF_TABLES)
def test_a_table_is_predicted_from_raw_rows(tmp_path, name):
    """As `mtrain predict` predicts what the csv module reads; rows that it drops have no label.

    In every format the test split is predicted to a hundred thousandth, too.
    """
    table, settings = OF_TABLES[name]
    run = trained(tmp_path, write_table(tmp_path / "t.csv", **table), **settings)
    others = write_table(tmp_path / "others.csv", **{**table, "rows": 100, "seed": 1})
    with others.open() as file:
        rows = list(csv.DictReader(file))
    predicted = mtrain.predict(run, others)

    exported = {one: mtrain.export(run, file_format=one) for one in FORMATS}

    for one in exported.values():
        assert (one.proof.split, one.proof.changed, one.proof.ties) == ("test", 0, 0)
        assert one.proof.rows > 10
        assert one.proof.largest_difference < 1e-5
    inputs = {}
    for one in exported["onnx"].inputs:
        texts = [row[one.name.removesuffix("_input")] for row in rows]
        values = [text or np.nan for text in texts] if one.type == "float32" else texts
        kind = np.float32 if one.type == "float32" else object
        inputs[one.name] = np.array(values, kind)[:, None]
    for file_format, predict in (("onnx", run_onnx), ("saved_model", run_saved_model)):
        labels, probabilities = predict(exported[file_format].path, inputs)
        has_label = labels != ""
        assert labels[has_label].tolist() == predicted.predicted.tolist()
        assert has_label.all() == ("dropped" not in name)
        np.testing.assert_allclose(probabilities[has_label], predicted.probabilities, atol=1e-5)


ODD_COLUMNS = (
    *("label", "label_input", "probabilities", "T", "t", "A b", "a-b", "a.b", "größe", "Größe"),
    *("/constant_0", "//", "mtrain", "1st", "self", "def", "None", "x_def"),
)


def test_odd_names_of_columns_and_categories_are_exported(tmp_path):
    """Names of outputs, of other inputs but for capitals, of inner values, and Keras' own."""
    generator = np.random.default_rng(0)
    table = tmp_path / "t.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*ODD_COLUMNS, "text", "class"])
        for row in generator.normal(size=(120, len(ODD_COLUMNS))):
            texts = ("[UNK]", "[UNK]_", "'\"")
            writer.writerow([*row, texts[generator.integers(3)], "ab"[int(row.sum() > 0)]])
    run = trained(tmp_path, table, dataset={"categorical": ["text"]})

    for file_format in FORMATS:
        exported = mtrain.export(run, file_format=file_format)
        assert exported.proof.changed == 0
        assert len({one.name for one in exported.inputs}) == len(ODD_COLUMNS) + 1


def test_a_column_of_texts_that_training_never_had_is_an_input(tmp_path):
    """And changes nothing."""
    for name, text in (("t.csv", ""), ("test.csv", "x")):
        rows = [f"{n},{text},{'ab'[n % 2]}" for n in range(50)]
        (tmp_path / name).write_text("\n".join(["size,text,class", *rows]))
    dataset = {"categorical": ["text"], "missing": "mean"}
    dataset["test_path"] = str(tmp_path / "test.csv")
    run = trained(tmp_path, tmp_path / "t.csv", dataset=dataset)

    for file_format in FORMATS:
        exported = mtrain.export(run, file_format=file_format)
        assert exported.proof.changed == 0
        assert [one.name for one in exported.inputs] == ["size", "text"]


def test_numbers_that_float32_rounds_are_named(tmp_path):
    """Their models would predict something else."""
    generator = np.random.default_rng(0)
    number = 20_000_000 + generator.integers(0, 20, 300)
    rows = [f"{n},{'ab'[int(n % 20 > 9)]}" for n in number.tolist()]
    (tmp_path / "t.csv").write_text("\n".join(["identifier,class", *rows]))
    run = trained(tmp_path, tmp_path / "t.csv", dataset={"categorical": []})

    with pytest.raises(mtrain.MtrainError) as raised:
        mtrain.export(run)

    assert "at most 0.0001 is allowed" in str(raised.value)
    assert str(raised.value).endswith("as float32, these numbers are rounded: identifier")


@pytest.mark.parametrize("activation", ["relu", "tanh", "hard_tanh", "soft_shrink"])
def test_what_training_never_saw_has_no_label(tmp_path, activation):
    """Without a number, a text or a finite number, whether its activation hands on NaN or not.

    An unknown text is no category.
    """
    model = {"activation": activation, "hidden": [5, 5]}
    run = trained(tmp_path, write_table(tmp_path / "t.csv"), model=model)
    rows = [(0.5, "rot"), (np.nan, "rot"), (0.5, ""), (np.inf, "rot"), (0.5, "violet")]
    inputs = {
        "size": np.array([[size] for size, _ in rows], np.float32),
        "a year/of birth": np.full((5, 1), 2000, np.float32),
        "color": np.array([[color] for _, color in rows], object),
        "label_input": np.full((5, 1), "true", object),
    }

    for file_format, predict in (("onnx", run_onnx), ("saved_model", run_saved_model)):
        labels, probabilities = predict(mtrain.export(run, file_format=file_format).path, inputs)
        assert [bool(label) for label in labels] == [True, False, False, False, True]
        assert np.isnan(probabilities).all(axis=1).tolist() == [False, True, True, True, False]


@pytest.mark.parametrize("activation", ["relu", "hard_shrink"])
def test_an_array_that_is_not_finite_has_no_label(tmp_path, activation):
    features, labels = arrays("numbers")
    np.savez(tmp_path / "a.npz", x_train=features, y_train=labels)
    config = {"dataset": {"name": "npz", "path": str(tmp_path / "a.npz")}}
    config |= {"model": {"hidden": [8], "activation": activation}, "training": {"epochs": 1}}
    run = mtrain.fit(config, out=tmp_path / "run", progress=False)
    rows = features[:3].copy()
    rows[1, 0, 0], rows[2, 1, 1] = np.nan, -np.inf

    for file_format, predict in (("onnx", run_onnx), ("saved_model", run_saved_model)):
        exported = mtrain.export(run, file_format=file_format).path
        found, probabilities = predict(exported, {"x": rows})
        assert [bool(label) for label in found] == [True, False, False]
        assert np.isnan(probabilities).all(axis=1).tolist() == [False, True, True]


def test_the_model_says_what_it_is(tmp_path):
    """Run, classes, versions, and the figures of its test."""
    run = trained(tmp_path, write_table(tmp_path / "t.csv"))
    model = onnx.load(mtrain.export(run).path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    figures = json.loads((run / "evaluation/test/metrics.json").read_text())

    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, [opset.version for opset in model.opset_import]) == (7, [13, 2])
    assert json.loads(facts["mtrain.classes"]) == ["class 0", "class 1", "class 2"]
    said = json.loads(facts["mtrain.test"])
    assert (said["rows"], said["accuracy"]) == (figures["n"], figures["accuracy"])
    for one, expected in zip(said["classes"], figures["classes"], strict=True):
        assert one == {key: expected[key] for key in ("name", "precision", "recall", "verdict")}
    assert json.loads(facts["mtrain.versions"]).keys() >= {"keras", "tensorflow"}
    sums = run / "checkpoints" / facts["mtrain.checkpoint"] / "SHA256SUMS"
    assert facts["mtrain.checkpoint_sha256"] == sha256(sums.read_bytes()).hexdigest()

    saved_model = mtrain.export(run, file_format="saved_model").path
    assert json.loads((saved_model / "assets.extra/mtrain.json").read_text()) == facts
    with zipfile.ZipFile(mtrain.export(run, file_format="keras").path) as archive:
        assert json.loads(archive.read("mtrain.json")) == facts


@needs_trackers
def test_an_onnxruntime_that_is_a_year_older_predicts_the_same(tmp_path):
    """The labels are equal, the probabilities to a hundred thousandth."""
    run = trained(tmp_path, write_table(tmp_path / "t.csv", classes=2, missing=0.1), **MEAN)
    exported = mtrain.export(run)
    generator = np.random.default_rng(0)
    rows = {
        "size": generator.normal(size=(500, 1)).astype(np.float32),
        "a year/of birth": generator.integers(1900, 2100, (500, 1)).astype(np.float32),
        "color": generator.choice(["rot", "1.0", "violet", ""], (500, 1)),
        "label_input": generator.choice(["True", "false", ""], (500, 1)),
    }
    rows["size"][::7] = np.nan
    np.savez(
        tmp_path / "rows.npz", **{name.replace("/", "|"): column for name, column in rows.items()}
    )
    program = (
        "import sys, numpy, onnxruntime\n"
        "rows = numpy.load(sys.argv[2])\n"
        "inputs = {name.replace('|', '/'): rows[name].astype(object) if rows[name].dtype.kind == 'U'"
        " else rows[name] for name in rows}\n"
        "session = onnxruntime.InferenceSession(sys.argv[1])\n"
        "labels, probabilities = session.run(['label', 'probabilities'], inputs)\n"
        "numpy.savez(sys.argv[3], labels=labels.astype(str), probabilities=probabilities)\n"
        "print(onnxruntime.__version__)\n"
    )
    said = subprocess.run(
        [
            TRACKERS / "python",
            "-c",
            program,
            exported.path,
            tmp_path / "rows.npz",
            tmp_path / "older.npz",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    older = np.load(tmp_path / "older.npz")
    labels, probabilities = served(
        exported.path,
        {
            name: column.astype(object) if column.dtype.kind == "U" else column
            for name, column in rows.items()
        },
    )

    assert said.stdout.split(".")[:2] != onnxruntime.__version__.split(".")[:2]
    assert older["labels"].tolist() == labels.tolist()
    np.testing.assert_allclose(older["probabilities"], probabilities, atol=1e-5)
