"""Runs with a temperature that was chosen on their validation."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from command_line import evaluated, said
from conftest import write_idx
from strangers import change_state, members_of, npy, put, sign, zipped

import mtrain
from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.temperature import probabilities_at
from mtrain.records.training import EpochRecord, Predictions, Tally
from mtrain.run.checkpoint import read_checkpoint
from mtrain.workflows.model import keras_model

COMMON = (
    "model: {hidden: 64, l2: 0.0001}\noptimizer: {name: adam, learning_rate: 0.01}\n"
    "training: {epochs: 30, save_best: null}\n"
)


def fitted(folder, name, classes, evaluation):
    config = folder / f"{name}.yaml"
    config.write_text(
        f"dataset: {{name: mnist, path: ., classes: {classes}}}\n{COMMON}evaluation: {evaluation}\n"
    )
    assert run(["fit", str(config), "--out", str(folder / name), "--quiet"]) == 0
    return folder / name


@pytest.fixture(scope="module", params=[2, 3], ids=["two classes", "three classes"])
def runs(request, tmp_path_factory):
    """The same training without and with a temperature, of labels that are partly noise."""
    folder = tmp_path_factory.mktemp("calibrated")
    generator, n_classes = np.random.default_rng(0), request.param
    for name, rows in (("train", 500), ("t10k", 300)):
        labels = generator.integers(n_classes, size=rows).astype(np.uint8)
        images = generator.normal(100 + 20 * labels[:, None, None], 50, (rows, 4, 4))
        labels[::3] = generator.integers(n_classes, size=len(labels[::3]))  # to be learned by heart
        write_idx(folder / f"{name}-images-idx3-ubyte", images.clip(0, 255).astype(np.uint8))
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
    classes = "[a, b]" if n_classes == 2 else "[a, b, c]"
    threshold = ", threshold: 0.7" if n_classes == 2 else ""
    return (
        fitted(folder, "plain", classes, "{predictions: true}"),
        fitted(folder, "calibrated", classes, f"{{calibrate: temperature{threshold}}}"),
    )


def kept(path, split="test"):
    metrics = json.loads((path / f"evaluation/{split}/metrics.json").read_text())
    with np.load(path / f"evaluation/{split}/predictions.npz") as file:
        return metrics, file["probabilities"], file["y_pred"]


def test_outputs_are_divided_by_the_temperature_of_the_last_epoch(runs):
    """The weights are those without one; so is the loss's part that is not of the rows."""
    plain, calibrated = runs
    temperature = json.loads((calibrated / "history.json").read_text())["history"][
        "val_temperature"
    ][-1]
    without, raw, _ = kept(plain)
    found, probabilities, predicted = kept(calibrated)

    assert found["calibration"]["temperature"] == temperature != 1
    np.testing.assert_allclose(probabilities, probabilities_at(temperature, raw), atol=3e-6)
    assert found["calibration"]["log_loss_without"] == pytest.approx(without["log_loss"], rel=1e-5)
    assert found["loss"] - found["log_loss"] == pytest.approx(
        without["loss"] - without["log_loss"], abs=2e-5
    )
    second = probabilities[:, 1] > np.float32(0.7)
    np.testing.assert_array_equal(predicted, second if raw.shape[1] == 2 else raw.argmax(axis=1))


def test_the_log_loss_of_the_validation_falls(runs, capsys):
    metrics = evaluated(capsys, runs[1], "--split", "val")

    assert metrics["log_loss"] < metrics["calibration"]["log_loss_without"]
    assert metrics["calibration"]["error_ci"][0] < 0.03


def test_the_training_is_the_same_without(runs):
    plain, calibrated = (read_checkpoint(path / "checkpoints/epoch-0030") for path in runs)
    temperature = "val_temperature"

    ours = dict(calibrated.history.scalars)
    del ours[temperature]
    of_rule = {name for name in ours if ours[name] != plain.history.scalars[name]}
    assert all(name.startswith("val_") for name in of_rule)  # at another threshold
    assert ours["val_loss"] == plain.history.scalars["val_loss"]
    assert ours["loss"] == plain.history.scalars["loss"]


def test_the_history_counts_at_the_threshold_of_the_evaluation(runs, capsys):
    """Of calibrated probabilities, whatever else the history has."""
    metrics = evaluated(capsys, runs[1], "--split", "val")
    history = json.loads((runs[1] / "history.json").read_text())

    assert history["counts"]["val"]["tp"][-1] == [one["tp"] for one in metrics["classes"]]


@pytest.mark.parametrize("temperature", [0.1, 8.0])
def test_a_threshold_is_chosen_among_calibrated_probabilities(temperature):
    """Those of rows that can be told apart before can be told apart after; none is above 1."""
    generator = np.random.default_rng(0)
    outputs = generator.normal(0, 1.2, 400)
    labels = (generator.random(400) < 1 / (1 + np.exp(-outputs))).astype(int)
    second = (1 / (1 + np.exp(-outputs * temperature))).astype(np.float32)
    probabilities = np.stack([1 - second, second], axis=1)
    val = Predictions(labels, (second > 0.5).astype(int), probabilities, 0.5)
    record = EpochRecord(1, 0.1, Tally(0.5, np.eye(2, dtype=np.int64)), val)
    config = load_config(
        {"evaluation": {"threshold": {"recall": 0.6}, "calibrate": "temperature"}}, {}
    )

    figures = epoch_figures(record, config.metrics, config.evaluation)
    chosen, threshold = figures.scalars["val_temperature"], figures.scalars["val_threshold"]

    assert chosen == pytest.approx(temperature, rel=0.4)
    scores = probabilities_at(chosen, probabilities)[:, 1]
    assert threshold < scores.max()
    assert np.mean(scores[labels == 1] > threshold) == pytest.approx(0.6, abs=0.005)
    assert figures.counts["val"].tp[1] == np.count_nonzero(scores[labels == 1] > threshold)


def test_predict_and_python_take_it_too(runs):
    """By NumPy, by TensorFlow, and the Keras model."""
    _, expected, _ = kept(runs[1])
    with np.load(runs[1] / "evaluation/test/predictions.npz") as file:
        rows = file["rows"]
    images = mtrain_images(runs[1].parent)[rows]

    for engine in ("auto", "tensorflow"):
        predicted = mtrain.predict(runs[1], images, engine=engine)
        np.testing.assert_allclose(predicted.probabilities, expected, atol=2e-6)
    outputs = keras_model(runs[1], allow_code=False)(
        images.reshape(len(images), -1) / 255.0
    ).numpy()
    np.testing.assert_allclose(
        outputs, expected[:, 1:] if outputs.shape[1] == 1 else expected, atol=2e-6
    )


def mtrain_images(folder):
    content = (folder / "t10k-images-idx3-ubyte").read_bytes()
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, 4, 4)


@pytest.mark.parametrize("form", ["onnx", "saved_model", "keras"])
def test_exports_predict_with_it(runs, form, tmp_path):
    """An export is written only if it predicts as the run."""
    ending = {"onnx": ".onnx", "saved_model": "", "keras": ".keras"}[form]
    out = tmp_path / f"model{ending}"

    assert run(["export", str(runs[1]), "--format", form, "--out", str(out)]) == 0


def test_sets_hold_the_class_as_often_as_asked(runs, tmp_path, capsys):
    """Of the validation rows that chose them, as each class; and Python has the same sets."""
    images = mtrain_images(runs[1].parent)
    np.savez(tmp_path / "rows.npz", x=images)
    out = tmp_path / "sets.csv"
    assert (
        run(
            ["predict", str(runs[1]), str(tmp_path / "rows.npz"), "--set", "0.9", "--out", str(out)]
        )
        == 0
    )
    note = capsys.readouterr().err
    lines = [line.split(",") for line in out.read_text().splitlines()]
    sets = [set(line[2].split("|")) - {""} for line in lines[1:]]
    predicted = mtrain.predict(runs[1], images, set_level=0.9)

    assert lines[0][:3] == ["row", "predicted", "set"]
    assert "at least 0.9 of new rows of each class have it in their set" in note
    names = np.array(predicted.classes)
    assert sets == [set(names[each].tolist()) for each in predicted.sets]
    labels = np.frombuffer(
        (runs[1].parent / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8
    )
    for k, name in enumerate(predicted.classes):
        share = np.mean(
            [name in each for each, label in zip(sets, labels, strict=True) if label == k]
        )
        assert share > 0.78


def test_parquet_has_the_sets_as_text(runs, tmp_path):
    import pyarrow.parquet as pq

    np.savez(tmp_path / "rows.npz", x=mtrain_images(runs[1].parent)[:5])
    out = tmp_path / "sets.parquet"
    assert (
        run(
            ["predict", str(runs[1]), str(tmp_path / "rows.npz"), "--set", "0.6", "--out", str(out)]
        )
        == 0
    )

    table = pq.read_table(out)
    assert table.column_names[:3] == ["row", "predicted", "set"]
    assert set("|".join(table["set"].to_pylist()).split("|")) <= {"a", "b", "c", ""}


def test_sets_that_cannot_be_chosen_are_refused(runs, tmp_path, capsys):
    rows = tmp_path / "rows.npz"
    np.savez(rows, x=mtrain_images(runs[1].parent)[:5])
    other = tmp_path / "other"
    other.mkdir()
    for name in ("train", "t10k"):
        write_idx(other / f"{name}-images-idx3-ubyte", np.full((40, 4, 4), 7, np.uint8))
        write_idx(other / f"{name}-labels-idx1-ubyte", (np.arange(40) % 2).astype(np.uint8))

    def message(*options):
        return said(capsys, "predict", runs[1], rows, *options)[1]

    assert "--set: must be from 0.5 to below 1, got 1" in message("--set", "1")
    assert "--set: 0.999 needs 999 validation rows of each class, there are " in message(
        "--set", "0.999"
    )
    assert "--data: is for --set" in message("--data", other)
    assert "whose validation rows choose the sets" in message("--set", "0.9", "--data", other) or (
        "classes" in message("--set", "0.9", "--data", other)
    )
    with pytest.raises(mtrain.MtrainError, match="set_level: must be from"):
        mtrain.predict(runs[1], rows, set_level=-1.0)


def test_a_temperature_needs_a_validation_and_a_known_network(tmp_path, capsys):
    config = tmp_path / "none.yaml"
    config.write_text(
        "dataset: {name: digits, validation: null}\nevaluation: {calibrate: temperature}\n"
    )
    assert (
        "evaluation.calibrate: is chosen on validation, but dataset.validation is null"
        in said(capsys, "fit", config)[1]
    )
    (tmp_path / "own.py").write_text("def model(*_): ...\n")
    config.write_text("dataset: digits\nmodel: own:model\nevaluation: {calibrate: temperature}\n")
    assert "divides outputs before the last activation" in said(capsys, "fit", config)[1]
    config.write_text("dataset: digits\nevaluation: {calibrate: heat}\n")
    assert "evaluation.calibrate" in said(capsys, "fit", config)[1]


def test_a_temperature_that_no_training_chooses_is_refused(runs, tmp_path, capsys):
    run_copy = shutil.copytree(runs[1], tmp_path / "run")
    path = run_copy / "checkpoints/epoch-0030/arrays.npz"
    name = "history/scalars/val_temperature.npy"
    path.write_bytes(zipped(*{**members_of(path), name: npy(np.full(30, 1e9))}.items()))
    sign(path.parent)

    assert said(capsys, "evaluate", run_copy)[1].endswith(
        "val_temperature must be between 0.01 and 100.0"
    )


def test_a_checkpoint_without_its_temperature_is_refused(runs, tmp_path, capsys):
    run_copy = shutil.copytree(runs[0], tmp_path / "run")
    (run_copy / "checkpoints/best").write_text("epoch-0030\n")
    change_state(run_copy, put(config__evaluation__calibrate="temperature"))

    assert "its history lacks val_temperature" in said(capsys, "evaluate", run_copy)[1]
