"""`mtrain evaluate --fast`: NumPy predicts, and the result is kept beside the exact one."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

import mtrain
from mtrain.cli.main import run
from mtrain.inference.plain import PlainPredictor
from mtrain.records.dataset import Split
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.find_checkpoint import find_checkpoint


def report_in(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_a_fast_evaluation_has_the_figures_of_the_exact_one(finished_run):
    """Probabilities to 1e-6, the same classes, counts and verdicts; the loss alone is not computed."""
    exact = finished_run / "evaluation" / "test"
    before = {path.name: path.read_bytes() for path in exact.iterdir()}
    assert run(["evaluate", str(finished_run), "--fast"]) == 0

    fast = finished_run / "evaluation" / "test-fast"
    assert {path.name: path.read_bytes() for path in exact.iterdir()} == before
    assert {path.name for path in fast.iterdir()} == set(before)
    with np.load(exact / "predictions.npz") as one, np.load(fast / "predictions.npz") as other:
        assert_allclose(other["probabilities"], one["probabilities"], rtol=0, atol=1e-6)
        assert (other["y_pred"] == one["y_pred"]).all()
    expected, result = report_in(exact), report_in(fast)
    for counted in ("accuracy", "averages", "confusion_matrix"):
        assert result[counted] == expected[counted]
    assert result["log_loss"] == pytest.approx(expected["log_loss"], abs=1e-6)
    assert (result["loss"], expected["loss"] > 0) == (None, True)
    assert "predicted by NumPy" in result["data"]["notes"][-1]


def test_it_does_not_load_tensorflow(finished_run):
    program = (
        "import sys; from mtrain.cli.main import run; "
        f"status = run(['evaluate', {str(finished_run)!r}, '--fast', '--out', 'new']); "
        "assert not {'tensorflow', 'keras'} & set(sys.modules); sys.exit(status)"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, cwd=finished_run, stdout=subprocess.DEVNULL
    )


def test_what_numpy_cannot_run_is_refused(tmp_path, capsys):
    """Rather than evaluated by TensorFlow, which would not be fast; and before the data are read."""
    config = {
        "dataset": {"samples": 100},
        "model": {"hidden": 8, "activation": "sparsemax"},
        "training": {"epochs": 1, "compile": "graph"},
    }
    mtrain.fit(config, out=tmp_path / "run")
    capsys.readouterr()

    assert run(["evaluate", str(tmp_path / "run"), "--fast", "--data", str(tmp_path)]) == 2
    said = "model.activation 'sparsemax' needs TensorFlow; leave out"
    assert capsys.readouterr().err == f"mtrain: --fast: {said} --fast\n"
    with pytest.raises(mtrain.UsageError, match=f"^fast=True: {said} fast=True$"):
        mtrain.evaluate(tmp_path / "run", fast=True)


def test_rows_are_copied_only_where_they_are_divided(finished_run, monkeypatch):
    """They are the caller's, and stay what they are."""
    path = find_checkpoint(finished_run).path
    predictor = PlainPredictor(read_checkpoint(path), path)
    given = []

    def outputs(_, inputs):
        given.append(inputs)
        return np.zeros((len(inputs), 2), np.float32)

    monkeypatch.setattr("mtrain.inference.plain.mean_probabilities", outputs)
    rows = Split(np.ones((3, 4), np.float32), np.zeros(3, np.int32), np.arange(3))

    for divisor in (None, 2):
        monkeypatch.setattr(predictor, "_divisor", divisor)
        predictor.predict(rows)
        assert np.shares_memory(given[-1], rows.features) == (divisor is None)
        assert (given[-1] == 1 / (divisor or 1)).all()
        assert (rows.features == 1).all()
