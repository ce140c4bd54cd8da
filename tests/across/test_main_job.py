from __future__ import annotations

import json

import pytest
from conftest import CONFIGS

from mtrain.cli.main import run

pytestmark = pytest.mark.renders


@pytest.mark.slow
def test_fashion_mnist_500x2_reaches_the_tutorials_accuracy(fashion_folder, tmp_path, capsys):
    """All 60,000 images, raw pixels, batch 1200: test accuracy 0.86, by epoch 20 of its 50."""
    arguments = [f"dataset.path={fashion_folder}", "dataset.validation=null"]
    arguments.append("training.epochs=20")
    config = str(CONFIGS / "fashion_mnist_500x2.yaml")
    assert run(["fit", config, *arguments, "--out", str(tmp_path / "run"), "--json"]) == 0
    out = capsys.readouterr()

    assert "648,010 parameters" in out.err
    assert "60,000 rows for training." in out.err
    assert json.loads(out.out)["evaluation"]["accuracy"] >= 0.86


@pytest.mark.slow
def test_mnist_64_reaches_the_tutorials_accuracy(mnist_folder, tmp_path, capsys):
    """All 60,000 images, five epochs of SGD at batch 32: test accuracy 0.93."""
    arguments = [f"dataset.path={mnist_folder}", "dataset.validation=null"]
    config = str(CONFIGS / "mnist_64.yaml")
    assert run(["fit", config, *arguments, "--out", str(tmp_path / "run"), "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["evaluation"]["accuracy"] >= 0.93


@pytest.mark.parametrize("split", ["val", "test"])
def test_real_data_are_evaluated_to_the_bit(mnist_folder, tmp_path, capsys, split):
    """Fashion's little sister: the history's figures are those of `evaluate`."""
    out = str(tmp_path / "run")
    arguments = [f"dataset.path={mnist_folder}", "dataset.samples=5000", "training.epochs=2"]
    assert run(["fit", str(CONFIGS / "mnist_64.yaml"), *arguments, "--out", out, "--json"]) == 0
    fitted = json.loads(capsys.readouterr().out)["evaluation"]
    assert run(["evaluate", out, "--split", split, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)

    if split == "test":
        assert metrics == fitted
    else:
        history = json.loads((tmp_path / "run" / "history.json").read_text())["history"]
        assert metrics["loss"] == history["val_loss"][-1]
        assert metrics["averages"]["macro avg"]["f1-score"] == history["val_f1_macro"][-1]
