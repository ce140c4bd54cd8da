"""Mistakes on the command line, in data and in runs, and their exit status."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import said
from conftest import CONFIGS

from mtrain.run.find_checkpoint import find_checkpoint


def test_a_diverged_training_has_its_own_status(tmp_path, capsys):
    """And keeps what there was."""
    arguments = ["optimizer={name: sgd, learning_rate: 1e30}", "--quiet", "--out", tmp_path / "run"]
    status, message = said(capsys, "fit", CONFIGS / "smoke.yaml", *arguments)

    assert status == 4
    assert message.startswith("epoch 1, step ")
    assert "training diverged" in message
    assert (tmp_path / "run" / "history.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["fit", "nope.yaml"], 2, "nope.yaml: no such file"),
        (["fit", "."], 2, ".: not a file"),
        (["fit"], 2, "command line: Missing argument 'CONFIG'."),
        (["fit", "x", "--fast"], 2, "command line: No such option: --fast"),
        (["train"], 2, "command line: No such command 'train'."),
        (["evaluate", "nope"], 1, "nope: no such run or checkpoint; `mtrain fit` makes one"),
        (["evaluate", "x", "--threshold", "2"], 2, "--threshold: must be between 0 and 1, got 2.0"),
        (["plot", "nope"], 1, "nope: no such file or run directory"),
        (["plot", str(CONFIGS)], 1, f"{CONFIGS}: not a run directory (no history.json)"),
        (["summary", "nope"], 2, "nope: no such file"),
        (["plot", "x" * 300], 1, f"{'x' * 300}: File name too long"),
        (["fit", "x" * 300], 1, f"{'x' * 300}: File name too long"),
    ],
)
def test_mistakes_on_the_command_line(capsys, arguments, status, message):
    """One line, the right exit status."""
    found, text = said(capsys, *arguments)

    assert found == status
    assert text.startswith(message)
    assert "\n" not in text


@pytest.mark.parametrize(
    ("settings", "status", "message"),
    [
        (["dataset.classes=[a, b]"], 2, "command line: dataset.classes: 2 names, but a training"),
        (["metrics=[{name: top_k, k: 10}]"], 2, "command line: metrics[0].k: must be below the"),
        (["loss=binary_crossentropy"], 2, "command line: loss: binary_crossentropy is for two"),
        (["dataset.samples=9999"], 2, "command line: dataset.samples: 9,999 rows wanted"),
        (
            ["training.class_weight={3: 2, ten: 3}"],
            2,
            "command line: training.class_weight.ten: unknown class 'ten'; choose one of 0, 1, 2",
        ),
        (["--device", "gpu"], 1, "--device gpu: "),
        (
            ["dataset={name: mnist, path: ~nosuchuser/x}"],
            2,
            "command line: dataset.path: Could not determine home directory",
        ),
        (["--out", str(CONFIGS)], 2, f"{CONFIGS}: is not empty"),
    ],
)
def test_mistakes_that_only_the_data_or_the_machine_tell(
    capsys, monkeypatch, tmp_path, settings, status, message
):
    """Found before training; nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    found, text = said(capsys, "fit", CONFIGS / "digits.yaml", *settings)

    assert found == status
    assert text.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_splits_and_thresholds_a_run_does_not_have(tmp_path, finished_run, capsys):
    """Said with the option's name."""
    out = tmp_path / "run"
    arguments = ["dataset.validation=null", "training.epochs=1", "--out", out, "--quiet"]
    assert said(capsys, "fit", CONFIGS / "smoke.yaml", *arguments) == (0, "")
    assert said(capsys, "evaluate", out, "--split", "val") == (
        2,
        "--split: this run has no split 'val': dataset.validation is null",
    )
    assert said(capsys, "evaluate", finished_run, "--threshold", "0.3") == (
        2,
        "--threshold: is for two classes, this run has 10",
    )
    assert said(capsys, "evaluate", finished_run, "--data", tmp_path) == (
        2,
        "--data: digits takes no path",
    )


def test_a_checkpoint_that_does_not_fit_its_config_is_refused(finished_run, tmp_path, capsys):
    """Arrays of another shape, with hashes that are right."""
    import hashlib
    import shutil

    copy = Path(shutil.copytree(finished_run, tmp_path / "run"))
    checkpoint = find_checkpoint(copy).path
    with np.load(checkpoint / "arrays.npz") as file:
        arrays = dict(file)
    arrays["model/output/bias"] = np.zeros(11, np.float32)
    np.savez(checkpoint / "arrays.npz", **arrays)
    digests = [
        f"{hashlib.sha256((checkpoint / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("arrays.npz", "state.json")
    ]
    (checkpoint / "SHA256SUMS").write_text("".join(digests))

    status, message = said(capsys, "evaluate", copy)
    assert status == 1
    assert message == (
        f"{checkpoint / 'arrays.npz'}: arrays do not fit the config: "
        "model/output/bias must be float32 (10,), got <f4 (11,)"
    )
