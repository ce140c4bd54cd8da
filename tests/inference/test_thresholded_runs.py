"""A run with a threshold that was chosen on its validation."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from command_line import evaluated, said
from conftest import write_idx

from mtrain.cli.main import run
from mtrain.config.experiment.evaluation import EvaluationConfig
from mtrain.errors import MtrainError
from mtrain.inference.threshold import chosen_threshold
from mtrain.metrics.history import History
from mtrain.records.report import ThresholdChoice
from mtrain.run.checkpoint import read_checkpoint


@pytest.fixture(scope="module")
def thresholded_run(tmp_path_factory):
    """A run of two classes that are hard to tell apart, with a threshold for recall; its folder."""
    folder = tmp_path_factory.mktemp("thresholded")
    generator = np.random.default_rng(0)
    for name, rows in (("train", 400), ("t10k", 100)):
        labels = (generator.random(rows) < 0.2).astype(np.uint8)
        images = generator.normal(100 + 20 * labels[:, None, None], 60, (rows, 4, 4))
        write_idx(folder / f"{name}-images-idx3-ubyte", images.clip(0, 255).astype(np.uint8))
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels)
    config = folder / "rare.yaml"
    config.write_text(
        "dataset: {name: mnist, path: ., classes: [stay, leave]}\n"
        "model: {hidden: 4}\n"
        "training: {epochs: 3, class_weight: {leave: 3}}\n"
        "evaluation: {threshold: {recall: 0.9}}\n"
    )
    assert run(["fit", str(config), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder


def test_a_threshold_chosen_on_validation_is_used_on_test(thresholded_run, capsys):
    """That of the checkpoint's epoch; validation reaches the recall, and is marked as selected."""
    out = thresholded_run / "run"
    history = json.loads((out / "history.json").read_text())["history"]
    test = json.loads((out / "evaluation/test/metrics.json").read_text())
    epoch = int(test["checkpoint"].removeprefix("epoch-"))
    with np.load(out / "evaluation/test/predictions.npz") as file:
        second = file["probabilities"][:, 1]
        np.testing.assert_array_equal(file["y_pred"], second > np.float32(test["threshold"]))
    val = evaluated(capsys, out, "--split", "val")

    assert test["threshold"] == val["threshold"] == history["val_threshold"][epoch - 1] != 0.5
    assert test["threshold_chosen"] == {
        "by": "recall",
        "at_least": 0.9,
        "on": "val",
        "epoch": epoch,
    }
    assert (out / "evaluation/test/threshold.png").is_file()
    assert val["classes"][1]["recall"] >= 0.9
    assert val["selected"]
    assert not test["selected"]
    assert val["averages"]["macro avg"]["recall"] == history["val_recall_macro"][epoch - 1]
    assert val["loss"] == history["val_loss"][epoch - 1]
    assert "sample_weighted" not in val
    assert run(["evaluate", str(out)]) == 0
    how = "the highest threshold that reaches recall 0.9 on the validation split"
    assert f", {how} after epoch {epoch}\n" in capsys.readouterr().out


def test_a_threshold_given_replaces_the_chosen_one(thresholded_run, capsys):
    """The validation's figures are then no longer those chosen by."""
    metrics = evaluated(capsys, thresholded_run / "run", "--threshold", "0.75")

    assert metrics["threshold"] == 0.75
    assert "threshold_chosen" not in metrics


def test_a_checkpoint_without_a_chosen_threshold_has_one_half(thresholded_run):
    """Within its first epoch; where none reaches what is wanted; where nobody leaves."""
    path = thresholded_run / "run" / "checkpoints" / "epoch-0003"
    saved = read_checkpoint(path)
    begun = replace(saved, history=History("x", saved.classes))
    value, how = chosen_threshold(begun, path)
    assert value == 0.5
    assert how == ThresholdChoice("recall", "val", 0.9, failed="no epoch is done yet")

    saved.history.scalars["val_threshold"][-1] = math.nan
    value, how = chosen_threshold(saved, path)
    assert (value, how.failed) == (0.5, "no threshold reaches it there")
    for key in ("tp", "fn"):
        saved.history.counts["val"][key][-1] = [80, 0]
    value, how = chosen_threshold(saved, path)
    assert (value, how.failed) == (0.5, "there is no row of this class")


def test_a_promise_that_cannot_be_made_says_how_many_rows_would_do(thresholded_run):
    """In epoch 3 of a recall of 0.9: 0.05 / 12 is 0.9 to the 52."""
    path = thresholded_run / "run" / "checkpoints" / "epoch-0003"
    saved = read_checkpoint(path)
    saved.history.scalars["val_threshold"][-1] = math.nan

    def failed(threshold, tp, fp, fn):
        evaluation = EvaluationConfig.model_validate({"threshold": threshold})
        config = saved.config.model_copy(update={"evaluation": evaluation})
        for key, n in (("tp", tp), ("fp", fp), ("fn", fn)):
            saved.history.counts["val"][key][-1] = [80, n]
        _, how = chosen_threshold(replace(saved, config=config), path)
        assert how.confidence == 0.95
        return how.failed

    recall, precision = ({by: 0.9, "confidence": 0.95} for by in ("recall", "precision"))
    assert failed(recall, 10, 0, 10) == (
        "there are 20 rows of this class, and a promise takes at least 53"
    )
    assert failed(precision, 95, 5, 0) == (
        "no threshold is shown to reach it there; with the precision at 0.5, about 381 predicted rows "
        "would do"
    )
    assert failed(precision, 80, 20, 0) == (
        "no threshold is shown to reach it there; a promise takes at least 73 predicted rows, of which "
        "one may be wrong"
    )


def test_a_history_of_another_threshold_is_refused(thresholded_run):
    """Missing, though the config says how it was chosen; or no probability."""
    path = thresholded_run / "run" / "checkpoints" / "epoch-0003"
    saved = read_checkpoint(path)
    saved.history.scalars["val_threshold"][-1] = -1.0
    with pytest.raises(MtrainError, match="val_threshold must be between 0 and 1, got -1"):
        chosen_threshold(saved, path)
    del saved.history.scalars["val_threshold"]
    with pytest.raises(MtrainError, match="its history lacks val_threshold"):
        chosen_threshold(saved, path)


def test_a_run_does_not_go_on_with_a_history_of_other_figures(thresholded_run, capsys):
    """One with a chosen threshold has a column that one without has not."""
    arguments = ["fit", thresholded_run / "rare.yaml", "--resume", "--out", thresholded_run / "run"]
    problem = "than before: the history would have other columns"
    for allowed in ([], ["--allow-differences"]):
        changes = [*allowed, "evaluation.threshold=0.3", "training.epochs=4"]
        status, text = said(capsys, *arguments, *changes)
        assert status == 2
        assert f"other evaluation.threshold {problem}" in text
    _, text = said(
        capsys,
        *arguments,
        "evaluation={threshold: 0.3, calibrate: temperature}",
        "training.epochs=4",
    )
    assert f"other evaluation.threshold and evaluation.calibrate {problem}" in text
