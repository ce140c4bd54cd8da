"""Ensembles of a sweep: the mean of its members' probabilities, taken by every command like a run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from command_line import evaluated, said
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, recall_score
from strangers import change_state
from swept import result, sweep, written

import mtrain
from mtrain.cli.main import run
from mtrain.config.experiment.evaluation import EvaluationConfig
from mtrain.config.loading.members import plan_sweep
from mtrain.metrics.sweep import choose_ranking
from mtrain.metrics.thresholds import choose_threshold
from mtrain.run.checkpoint import read_checkpoint
from mtrain.workflows.ensemble import make_ensemble
from mtrain.workflows.sweep_ensembles import with_ensembles
from mtrain.workflows.sweep_result import make_result, read_member

DIGITS = """
name: small
dataset: {name: digits, samples: 400}
model: {hidden: 12, dropout: 0.2, l2: 0.001, batch_norm: true}
training: {epochs: 3}
optimizer: {learning_rate: 0.01}
evaluation: {calibrate: temperature}
"""

CELLS = """
name: cells
dataset: {name: csv, path: cells.csv, target: kind, exclude: [row]}
model: {hidden: 6}
training: {epochs: 3}
evaluation: {threshold: {recall: 0.9}, rivals: [logistic]}
gates: ["recall >= 0.5"]
"""

SEEDS = ("--seeds", 3, "--ensemble")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A sweep of three seeds with dropout, a penalty, batch normalisation and temperatures."""
    folder = tmp_path_factory.mktemp("digits")
    assert sweep(written(folder, DIGITS), *SEEDS, "--out", folder / "sweep") == 0
    return folder / "sweep"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A sweep of a table of two classes, with a column of categories, a threshold for recall and a rival."""
    folder = tmp_path_factory.mktemp("cells")
    data = load_breast_cancer()
    sizes = np.where(data.data[:, 0] > 14, "large", "small")
    kinds = np.where(data.target == 1, "benign", "malignant")
    lines = ["row,a,b,c,size,kind"]
    columns = (*data.data[:, 1:4].T, sizes, kinds)
    lines += [",".join(map(str, row)) for row in zip(range(len(kinds)), *columns, strict=True)]
    (folder / "cells.csv").write_text("\n".join(lines) + "\n")
    assert sweep(written(folder, CELLS, "cells.yaml"), *SEEDS, "--out", folder / "sweep") == 0
    return folder / "sweep"


def kept(path, split="test"):
    with np.load(path / "evaluation" / split / "predictions.npz") as file:
        return dict(file)


def metrics(path, split="test"):
    return json.loads((path / "evaluation" / split / "metrics.json").read_text())


def members(folder):
    return sorted(folder.glob("seed-*"))


def mean(folder, split="test"):
    """By NumPy, of what the members predicted."""
    parts = [kept(member, split)["probabilities"] for member in members(folder)]
    return np.mean(parts, axis=0, dtype=np.float64).astype(np.float32)


def files_of(path):
    """All that no clock decides."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in sorted(path.rglob("*"))
        if file.is_file() and file.name not in {".evaluating", "report.html"}
    }


@pytest.fixture(params=["digits", "cells"])
def swept(request):
    return request.getfixturevalue(request.param)


def test_it_predicts_the_mean_of_its_members_probabilities(swept):
    """To the last bit, on test and on validation."""
    for split in ("test", "val"):
        assert_array_equal(kept(swept / "ensemble", split)["probabilities"], mean(swept, split))


def test_its_figures_are_those_of_scikit_learn_of_the_mean(swept):
    content, truth = metrics(swept / "ensemble"), kept(swept / "seed-0")["y_true"]
    probabilities, predicted = mean(swept), mean(swept).argmax(axis=1)
    if content.get("threshold") is not None:
        predicted = (probabilities[:, 1] > np.float32(content["threshold"])).astype(int)

    recalls = recall_score(truth, predicted, average=None)
    assert content["accuracy"] == accuracy_score(truth, predicted)
    assert_allclose([one["recall"] for one in content["classes"]], recalls, rtol=1e-12)
    wide = probabilities.astype(np.float64)
    expected = log_loss(truth, wide / wide.sum(axis=1, keepdims=True))
    assert content["log_loss"] == pytest.approx(expected, rel=1e-6)
    assert content["loss"] is None
    assert content["checkpoint"] == "ensemble"

    (setting,) = result(swept)["settings"]
    own = setting["ensemble"]["figures"]
    assert own["recall_macro"] == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert own["lowest_recall"] == pytest.approx(recalls.min())
    assert (own["accuracy"], own["log_loss"]) == (content["accuracy"], content["log_loss"])
    verdicts = [one["verdict"] for one in content["classes"]]
    assert own["learned"] == verdicts.count("learned")


def test_the_sweep_shows_it_beside_its_members(digits, capsys):
    """The best of them by validation, and the mean of all: in its file, on the console and on its page."""
    (setting,) = result(digits)["settings"]
    each = [metrics(member) for member in members(digits)]
    values = [one["value"] for one in result(digits)["members"]]
    beside = setting["ensemble"]
    best = int(np.argmin(values))
    assert beside["best_member"] == f"seed-{best}"
    assert beside["best"]["accuracy"] == each[best]["accuracy"]
    assert beside["mean"]["log_loss"] == pytest.approx(np.mean([m["log_loss"] for m in each]))
    lowest = [min(c["recall"] for c in one["classes"]) for one in each]
    assert beside["mean"]["lowest_recall"] == pytest.approx(np.mean(lowest))

    config = digits.parent / "small.yaml"
    assert run(["sweep", str(config), *map(str, SEEDS), "--out", str(digits), "--resume"]) == 0
    shown = capsys.readouterr().out
    for text in (f"best member by val_loss, seed-{best}", "mean of its 3 members", "lowest recall"):
        assert text in shown
        assert text in (digits / "report.html").read_text()
    assert f"{beside['figures']['learned']} of 10" in shown


def test_evaluate_gives_the_bits_of_the_sweep(swept, tmp_path):
    """The sweep takes what its members predicted; `evaluate` runs their networks."""
    ensemble = shutil.copytree(swept / "ensemble", tmp_path / "shipped")
    before = files_of(ensemble)
    for split in ("test", "val"):
        shutil.rmtree(ensemble / "evaluation" / split)
        assert run(["evaluate", str(ensemble), "--split", split]) == 0
    after = files_of(ensemble)
    assert {name: after[name] for name in before} == before


def test_a_fast_evaluation_and_one_of_a_part_are_as_for_a_run(cells, capsys, tmp_path):
    ensemble = shutil.copytree(cells / "ensemble", tmp_path / "shipped")
    assert run(["evaluate", str(ensemble), "--fast"]) == 0
    fast = kept(ensemble, "test-fast")
    assert_allclose(fast["probabilities"], kept(ensemble)["probabilities"], rtol=0, atol=1e-6)
    by = evaluated(capsys, ensemble, "--by", "size")["by"]
    assert sum(one["n"] for one in by["slices"]) == metrics(ensemble)["n"]
    other = evaluated(capsys, ensemble, "--data", cells.parent / "cells.csv", "--split", "train")
    assert other["accuracy"] > 0.5


def test_predict_equals_evaluate(cells, tmp_path):
    """By NumPy and by TensorFlow, from a file and from Python; the class by the threshold."""
    ensemble = cells / "ensemble"
    expected = kept(ensemble)
    rows = (cells.parent / "cells.csv").read_text().splitlines()
    (tmp_path / "rows.csv").write_text(
        "\n".join([rows[0], *(rows[1 + k] for k in expected["rows"])])
    )
    for engine, tolerance in (("auto", 1e-6), ("tensorflow", 0)):
        predicted = mtrain.load(ensemble, engine=engine).predict(tmp_path / "rows.csv")
        assert_allclose(predicted.probabilities, expected["probabilities"], rtol=0, atol=tolerance)
        assert_array_equal(predicted.predicted, np.array(predicted.classes)[expected["y_pred"]])
    out = tmp_path / "predicted.csv"
    assert run(["predict", str(ensemble), str(tmp_path / "rows.csv"), "--out", str(out)]) == 0
    assert [line.split(",")[1] for line in out.read_text().splitlines()[1:]] == list(
        predicted.predicted
    )


def test_compare_gate_and_report_take_it(cells, capsys, tmp_path):
    """Also the rivals of its members, and their gates; what only a training has is left out, and said."""
    ensemble = cells / "ensemble"
    assert run(["compare", str(ensemble), str(cells / "seed-0"), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)["right"]
    right = kept(ensemble)["y_pred"] == kept(ensemble)["y_true"]
    other = kept(cells / "seed-0")["y_pred"] == kept(cells / "seed-0")["y_true"]
    assert compared["first"] == (right & ~other).sum()
    assert run(["gate", str(ensemble)]) in {0, 3, 5}
    assert "recall >= 0.5" in capsys.readouterr().out
    (own,), (of_member,) = metrics(ensemble)["rivals"], metrics(cells / "seed-0")["rivals"]
    assert own["log_loss"] == of_member["log_loss"]

    page = tmp_path / "page.html"
    assert run(["report", str(ensemble), "--out", str(page)]) == 0
    text = page.read_text()
    assert "the mean of 3 networks" in text.replace("&#39;", "'")
    assert "are in the pages of its members." in text
    assert text.count('<td class="text">epoch-') == 3
    card = tmp_path / "card.md"
    assert run(["report", str(ensemble), "--out", str(card)]) == 0
    assert "- Seed: 0, 1, 2\n" in card.read_text()


def test_exports_give_the_mean(cells, digits, tmp_path):
    """Run by onnxruntime, TensorFlow and Keras themselves, from raw rows."""
    ensemble, expected = digits / "ensemble", kept(digits / "ensemble")
    images = load_digits().images[expected["rows"]].astype(np.uint8)
    for file_format, name in (("onnx", "a.onnx"), ("saved_model", "a"), ("keras", "a.keras")):
        mtrain.export(ensemble, file_format=file_format, out=tmp_path / name)
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    (by_onnx,) = session.run(["probabilities"], {"image": images})
    served = tf.saved_model.load(str(tmp_path / "a")).signatures["serving_default"]
    by_tensorflow = served(image=tf.constant(images))["probabilities"].numpy()
    by_keras = keras.saving.load_model(tmp_path / "a.keras")(images).numpy()
    for ours in (by_onnx, by_tensorflow, by_keras):
        assert_allclose(ours, mean(digits), rtol=0, atol=1e-6)

    for file_format in ("onnx", "saved_model"):  # of two classes, numbers and categories
        out = tmp_path / f"cells.{file_format}"
        proof = mtrain.export(cells / "ensemble", file_format=file_format, out=out).proof
        assert (proof.changed, proof.largest_difference < 1e-6) == (0, True)
    summary = mtrain.export(cells / "ensemble", file_format="keras", out=tmp_path / "cells.keras")
    assert summary.outputs[0].shape == (2,)


def test_its_threshold_is_chosen_on_validation_of_the_mean(cells):
    """By the rule of the config, as a run's is."""
    labels = kept(cells / "ensemble", "val")["y_true"]
    expected = choose_threshold(labels == 1, mean(cells, "val")[:, 1], "recall", 0.9)
    content = metrics(cells / "ensemble")
    assert content["threshold"] == expected
    assert content["threshold_chosen"] == {"by": "recall", "on": "val", "at_least": 0.9}
    assert metrics(cells / "ensemble", "val")["classes"][1]["recall"] >= 0.9


def test_a_promise_is_divided_among_the_epochs_of_all_members():
    """Members best in the epochs 1 and 2: 0.05 / (1 * 2) / (2 * 3)."""
    wanted = {"threshold": {"recall": 0.9, "confidence": 0.95}}
    rule = EvaluationConfig.model_validate(wanted).rule
    assert rule.level(1, 2) == pytest.approx(0.05 / 12)


def test_a_resumed_sweep_makes_the_same_ensemble(digits, tmp_path):
    """After a kill before its evaluations, and before it was whole; one that is there stays."""
    out = shutil.copytree(digits, tmp_path / "sweep")
    before, table = files_of(out / "ensemble"), result(out)
    config = written(tmp_path, DIGITS)

    shutil.rmtree(out / "ensemble" / "evaluation")
    assert sweep(config, *SEEDS, "--out", out, "--resume") == 0
    assert files_of(out / "ensemble") == before
    shutil.rmtree(out / "ensemble")
    shutil.rmtree(out / "seed-1")
    (out / ".ensemble.tmp").mkdir()
    assert sweep(config, *SEEDS, "--out", out, "--resume") == 0
    assert files_of(out / "ensemble") == before
    assert result(out) == table
    assert not (out / ".ensemble.tmp").exists()

    (out / "ensemble" / "model.onnx").write_text("somebody's")
    assert sweep(config, *SEEDS, "--out", out, "--resume") == 0
    assert (out / "ensemble" / "model.onnx").exists()


def test_each_of_several_settings_has_one(tmp_path):
    """In a folder by its name; one that replaces an ensemble of other checkpoints."""
    config, out = written(tmp_path), tmp_path / "sweep"
    arguments = (config, "model.hidden=4,8", "training.epochs=1", "--seeds", 2)
    assert sweep(*arguments, "--out", out) == 0
    assert not (out / "ensemble").exists()
    assert sweep(*arguments, "--ensemble", "--out", out, "--resume") == 0

    first, second = (setting["ensemble"] for setting in result(out)["settings"])
    assert (first["folder"], second["folder"]) == ("ensemble/hidden-4", "ensemble/hidden-8")
    members_of = [out / "hidden-4_seed-0", out / "hidden-8_seed-0"]
    with pytest.raises(
        mtrain.MtrainError, match=r"hidden-8_seed-0: differs from hidden-4_seed-0: "
    ):
        make_ensemble(out / "both", members_of, None)
    assert not (out / "both").exists()
    pair = [out / "hidden-4_seed-1", out / "hidden-4_seed-0"]
    make_ensemble(out / "ensemble" / "hidden-4", pair, None)
    saved = read_checkpoint(out / "ensemble" / "hidden-4" / "checkpoints" / "ensemble")
    assert [one.seed for one in saved.ensemble.members] == [1, 0]


def test_without_a_member_there_is_none_and_a_note_says_which(digits, tmp_path):
    out = shutil.copytree(digits, tmp_path / "sweep")
    shutil.rmtree(out / "ensemble")
    history = out / "seed-1" / "history.json"
    history.write_text(history.read_text().replace('"ended":"finished"', '"ended":"diverged"'))
    metrics_file = out / "seed-2" / "evaluation" / "test" / "metrics.json"
    content = metrics_file.read_text()
    plan = plan_sweep(written(tmp_path, DIGITS), {}, (), seeds=3, ensemble=True)
    ranking = choose_ranking([member.config for member in plan.members])
    results = [read_member(member, out, ranking.by) for member in plan.members]
    made = with_ensembles(plan, out, make_result(plan, out, results, ranking), None)
    assert made.notes == ("no ensemble: seed-1 diverged",)
    assert made.settings[0].ensemble is None
    assert not (out / "ensemble").exists()

    history.write_text(history.read_text().replace('"ended":"diverged"', '"ended":"finished"'))
    metrics_file.write_text(content.replace('"checkpoint": "epoch-', '"checkpoint": "epoch-1'))
    all_finished = tuple(replace(one, state="finished") for one in made.members)
    made = with_ensembles(plan, out, replace(made, members=all_finished), None)
    (note,) = made.notes[1:]
    assert "is an evaluation of epoch-1" in note


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ensemble"], "--ensemble: needs --seeds: it is made of the seeds of each setting"),
        (
            ["--ensemble", "model.hidden=4,8"],
            "--ensemble: needs --seeds: it is made of the seeds of each setting",
        ),
        (["--ensemble", "--seeds", "1"], "--seeds: must be at least 2, got 1"),
        (
            [*SEEDS, "--folds", "2"],
            "--ensemble: is not for --folds: members of different folds learn from different rows",
        ),
        (
            [*SEEDS, "model=built:net"],
            "--ensemble: cannot hold custom code, and model is 'built:net'",
        ),
        (
            [*SEEDS, "evaluation.predictions=false"],
            "--ensemble: needs the members' predictions, and evaluation.predictions is false",
        ),
    ],
)
def test_what_cannot_be_an_ensemble_is_refused_before_training(
    tmp_path, capsys, arguments, problem
):
    out = tmp_path / "sweep"
    (tmp_path / "built.py").write_text("def net(inputs, classes): ...")
    status, text = said(capsys, "sweep", written(tmp_path), *arguments, "--out", out)
    assert (status, text, out.exists()) == (2, problem, False)


def test_what_only_a_training_has_is_refused(digits, capsys):
    """One line each; nothing is changed."""
    ensemble = digits / "ensemble"
    before = files_of(ensemble)
    problem = f"{ensemble}: is an ensemble, which was not trained itself; "
    as_member = "name one of its members, or train its config.yaml by `mtrain fit`"
    for command, remedy in (
        (["resume", ensemble], as_member),
        (["reproduce", ensemble], as_member),
        (
            ["fit", ensemble / "config.yaml", "--resume", "--out", ensemble],
            "train into another folder",
        ),
        (["plot", ensemble], "its members have curves; `mtrain report` shows what it has itself"),
        (["log", ensemble, "--to", "tensorboard"], "log the sweep with its members"),
    ):
        assert said(capsys, *command) == (1, problem + remedy)
    assert files_of(ensemble) == before
    assert run(["runs", str(digits), "--json"]) == 0
    assert "ensemble" not in capsys.readouterr().out.replace(str(digits), "")


def test_a_strangers_ensemble_is_checked(digits, tmp_path, capsys):
    """Fewer arrays than members; a threshold that is no probability; no members."""
    ensemble = shutil.copytree(digits / "ensemble", tmp_path / "shipped")

    def refused(change):
        copy = shutil.copytree(ensemble, tmp_path / "copy")
        change_state(copy, change)
        status, text = said(capsys, "predict", copy, tmp_path)
        shutil.rmtree(copy)
        assert status == 1
        return text

    def more_members(state):
        one = state["ensemble"]["members"][0]
        state["ensemble"]["members"] += [one]

    assert "cannot be the arrays of its config's 3,832 parameters" in refused(more_members)
    assert "threshold" in refused(lambda state: state["ensemble"].update(threshold=2))
    assert "members" in refused(lambda state: state["ensemble"].update(members=[]))
