"""A run that an mtrain of this schema left behind is read by every later one of the schema."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from make_stored_run import FOLDER

import mtrain
from mtrain.cli.main import run as command
from mtrain.run.checkpoint import SCHEMA, read_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import list_checkpoints
from mtrain.run.history import read_history


@pytest.fixture
def stored(tmp_path):
    """A copy that a test may change."""
    return Path(shutil.copytree(FOLDER, tmp_path / "stored"))


def test_history_and_checkpoint_say_the_same(stored):
    """The checkpoint's columns are those of history.json, to the last bit."""
    history = read_history(stored)
    (path, *_) = list_checkpoints(RunDirectory(stored))
    checkpoint = read_checkpoint(path)

    assert history.epoch == checkpoint.history.epoch == [1, 2, 3]
    assert checkpoint.history.scalars == history.scalars
    for split in ("train", "val"):
        for key in ("tp", "fp", "fn"):
            np.testing.assert_array_equal(
                checkpoint.history.counts[split][key], history.counts[split][key]
            )
    assert checkpoint.classes == tuple("0123456789")


def test_the_stored_run_is_evaluated_as_it_was(stored):
    """The same rows, and the same class of each; probabilities within float32's last digits."""
    kept = json.loads((stored / "evaluation" / "test" / "metrics.json").read_text())
    with np.load(stored / "evaluation" / "test" / "predictions.npz") as file:
        before = dict(file)
    report = mtrain.evaluate(stored)

    assert report.n == kept["n"]
    np.testing.assert_allclose(report.predictions.probabilities, before["probabilities"], atol=1e-5)
    with np.load(stored / "evaluation" / "test" / "predictions.npz") as file:
        np.testing.assert_array_equal(file["rows"], before["rows"])
        np.testing.assert_array_equal(file["y_true"], before["y_true"])


def test_the_stored_run_is_plotted_listed_and_finished(stored, capsys):
    """By the commands that read it."""
    assert command(["plot", str(stored)]) == 0
    assert command(["runs", str(stored.parent)]) == 0
    assert "digits" in (said := capsys.readouterr().out)
    assert "finished" in said
    assert "3/3" in said
    assert command(["resume", str(stored), "--allow-differences", "--quiet"]) == 0


def test_a_run_of_an_older_schema_is_refused_with_what_to_do(stored, capsys):
    """Its config can be trained again."""
    pointer = (stored / "checkpoints" / "last").read_text().strip()
    best = (stored / "checkpoints" / "best").read_text().strip()
    for name in {pointer, best}:
        checkpoint = stored / "checkpoints" / name
        state = json.loads((checkpoint / "state.json").read_text()) | {"schema": SCHEMA - 1}
        (checkpoint / "state.json").write_text(json.dumps(state))
        lines = [
            f"{hashlib.sha256((checkpoint / file).read_bytes()).hexdigest()}  {file}\n"
            for file in ("arrays.npz", "state.json")
        ]
        (checkpoint / "SHA256SUMS").write_text("".join(lines))
    assert command(["evaluate", str(stored)]) == 1

    assert (
        f"its schema is {SCHEMA - 1}, this mtrain reads {SCHEMA}; train it again: `mtrain fit` takes "
        "the run's config.yaml"
    ) in capsys.readouterr().err
