"""Why a training ends, what is said of it, and what trains on."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import CONFIGS

import mtrain
from mtrain.cli.main import run
from mtrain.errors import UsageError
from mtrain.metrics.history import History
from mtrain.metrics.monitor import always_undefined

SMOKE = CONFIGS / "smoke.yaml"
STOP_AT_2 = "training.early_stopping={patience: 1, min_delta: 9}"
WHY = "(val_loss has not improved for 1 epochs)"


def said(capsys, *arguments):
    """Exit status and what stderr says, of a command run in this process."""
    status = run(list(map(str, arguments)))
    return status, capsys.readouterr().err


def epochs_of(out):
    return json.loads((out / "history.json").read_text())["epoch"]


@pytest.fixture(scope="module")
def stopped_early(tmp_path_factory):
    """A run of nine epochs, which early stopping ended after the second."""
    out = tmp_path_factory.mktemp("runs") / "early"
    settings = ["training.epochs=9", "training.compile=graph", STOP_AT_2]
    assert run(["fit", str(SMOKE), *settings, "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture
def early(stopped_early, tmp_path):
    """A copy that a test may train on; a space is in its path."""
    return Path(shutil.copytree(stopped_early, tmp_path / "my runs" / "early"))


def advised(text):
    """The command that a message tells to type, as a shell reads it."""
    (command,) = re.findall(r"[tT]o train on: `mtrain ([^`]*)`", text)
    return shlex.split(command)


@pytest.mark.parametrize("epochs", [12, 5])
def test_epochs_that_early_stopping_keeps_from_a_run_are_refused(early, capsys, epochs):
    """More than before, or fewer; nothing is written, and what is told to be typed works."""
    before = {path.name: path.read_bytes() for path in early.glob("*.*") if path.suffix}
    status, text = said(capsys, "resume", early, f"training.epochs={epochs}")

    assert status == 2
    assert text.startswith(
        f"mtrain: command line: training.epochs: {epochs} epochs are not possible: early stopping "
        f"ended {early} after 2 {WHY}; to train on: `mtrain resume "
    )
    assert len(text.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in early.glob("*.*") if path.suffix} == before

    assert said(capsys, *advised(text), "--quiet") == (0, "")
    assert epochs_of(early) == list(range(1, epochs + 1))


def test_fit_resume_with_a_config_of_more_epochs_names_its_line(early, tmp_path, capsys):
    """A scheduler that requeues it has the status of a mistake in the config."""
    config = tmp_path / "more.yaml"
    text = (early / "config.yaml").read_text()
    assert text.count("  epochs: 9\n") == 1
    config.write_text(text.replace("  epochs: 9\n", "  epochs: 20\n"))
    line = text[: text.index("  epochs: 9\n")].count("\n") + 1
    status, message = said(capsys, "fit", config, "--out", early, "--resume")

    assert status == 2
    assert message.startswith(
        f"mtrain: {config}:{line}: training.epochs: 20 epochs are not possible: early stopping ended"
    )


def test_from_python_it_is_a_usage_error(early):
    with pytest.raises(
        UsageError, match=r"12 epochs are not possible: early stopping ended .* after 2"
    ):
        mtrain.resume(early, **{"training.epochs": 12})


def test_a_run_without_a_report_is_refused_more_epochs_as_well(early, capsys):
    """It was killed while it evaluated; `mtrain resume` alone makes the report."""
    history = json.loads((early / "history.json").read_text())
    history["segments"][-1]["ended"] = None
    (early / "history.json").write_text(json.dumps(history))
    shutil.rmtree(early / "evaluation")

    assert said(capsys, "resume", early, "training.epochs=12")[0] == 2
    assert not (early / "evaluation").exists()
    assert said(capsys, "resume", early, "--quiet") == (0, "")
    assert (early / "evaluation" / "test" / "metrics.json").is_file()
    assert epochs_of(early) == [1, 2]


@pytest.mark.parametrize("settings", [[], ["training.epochs=9"]])
def test_a_run_that_is_asked_for_nothing_more_has_nothing_to_do(early, capsys, settings):
    """Status 0, as of a job that is started again; the reason is said, and what trains on."""
    status, text = said(capsys, "resume", early, *settings)

    assert status == 0
    assert text.startswith(f"{early} is finished {WHY}; there is nothing to do. To train on: `")
    assert said(capsys, *advised(text), "--quiet") == (0, "")
    assert epochs_of(early) == list(range(1, 10))


def test_early_stopping_in_the_last_epoch_leaves_more_to_be_had(tmp_path, capsys):
    """Twice as many are proposed, for of those asked for all are done."""
    out = tmp_path / "run"
    settings = ["training.epochs=2", "training.compile=graph", STOP_AT_2, "--out", out, "--quiet"]
    assert said(capsys, "fit", SMOKE, *settings) == (0, "")
    status, text = said(capsys, "resume", out)

    assert status == 0
    assert advised(text)[2:] == [
        *("training.epochs=4", "training.early_stopping=null", "--allow-differences")
    ]
    assert said(capsys, *advised(text), "--quiet") == (0, "")
    assert epochs_of(out) == [1, 2, 3, 4]


def test_more_patience_is_another_way_to_train_on(early, capsys):
    """With a criterion that it has not met yet."""
    settings = ["training.epochs=4", "training.early_stopping={patience: 50}"]
    assert said(capsys, "resume", early, *settings, "--allow-differences", "--quiet") == (0, "")

    assert epochs_of(early) == [1, 2, 3, 4]


def test_more_epochs_of_a_run_that_nothing_stopped_are_had(tmp_path, capsys):
    """Early stopping that has not come does not keep it from them."""
    out = tmp_path / "run"
    settings = ["training.compile=graph", "training.early_stopping={patience: 50}"]
    assert said(capsys, "fit", SMOKE, *settings, "--out", out, "--quiet") == (0, "")
    status, text = said(capsys, "resume", out)
    assert (status, advised(text)[2:]) == (0, ["training.epochs=6"])

    assert said(capsys, *advised(text), "--quiet") == (0, "")
    assert epochs_of(out) == [1, 2, 3, 4, 5, 6]


RARE = "x,y\n" + "".join(
    f"{-1 if name in 'ac' else 1},{name}\n" for name in [*"ab" * 100, *"c" * 6]
)
"""Class c looks as a does and is rare: it is never predicted."""


@pytest.fixture
def rare(tmp_path):
    """A config that chooses by the average precision, which is undefined then."""
    (tmp_path / "rare.csv").write_text(RARE)
    config = tmp_path / "rare.yaml"
    config.write_text(
        "dataset: {name: csv, path: rare.csv, target: y}\n"
        "model: {hidden: []}\n"
        "optimizer: {learning_rate: 0.1}\n"
        "training: {epochs: 9, batch_size: 8, compile: graph}\n"
    )
    return config


UNDEFINED = "val_precision_macro was undefined in every epoch: class 'c' was never predicted"


def test_a_monitor_that_is_always_undefined_ends_the_training_with_its_reason(
    rare, tmp_path, capsys
):
    """It has not failed to improve; the same is said when there is nothing to do."""
    out = tmp_path / "run"
    stopping = "training.early_stopping={monitor: val_precision_macro, patience: 2}"
    status, text = said(capsys, "fit", rare, stopping, "--out", out)
    assert status == 0
    assert f"Training ended: {UNDEFINED}.\n" in text
    assert "has not improved" not in text
    assert epochs_of(out) == [1, 2]

    status, text = said(capsys, "resume", out)
    assert status == 0
    assert text.startswith(f"{out} is finished ({UNDEFINED}); there is nothing to do.")
    status, text = said(capsys, "resume", out, "training.epochs=12")
    assert status == 2
    assert f"early stopping ended {out} after 2 ({UNDEFINED});" in text


def test_a_best_that_is_always_undefined_is_said_with_its_reason(rare, tmp_path, capsys):
    """The last epoch is kept, and evaluated."""
    out = tmp_path / "run"
    settings = ["training.epochs=2", "training.save_best=val_precision_macro"]
    status, text = said(capsys, "fit", rare, *settings, "--out", out)

    assert status == 0
    assert f"{UNDEFINED}; so there is no best epoch, and the last one is kept.\n" in text
    assert not (out / "checkpoints" / "best").exists()
    metrics = json.loads((out / "evaluation" / "test" / "metrics.json").read_text())
    assert metrics["checkpoint"] == "epoch-0002"


def by_hand(values, predicted):
    """Three epochs of two classes, three rows each, of which so many were predicted b."""
    counts = {
        "tp": [np.array([3, min(3, n)]) for n in predicted],
        "fp": [np.array([3 - min(3, n), 0]) for n in predicted],
        "fn": [np.array([0, 3 - min(3, n)]) for n in predicted],
    }
    return History(
        run="by hand",
        classes=("a", "b"),
        epoch=[1, 2, 3],
        scalars={"val_precision_macro": values, "val_own": values},
        counts={"val": counts},
    )


@pytest.mark.parametrize(
    ("monitor", "values", "predicted", "why"),
    [
        ("val_precision_macro", [0.5] * 3, [0, 0, 0], "class 'b' was never predicted"),
        ("val_precision_macro", [0.5] * 3, [0, 1, 0], None),
        ("val_precision_macro", [float("nan")] * 3, [0, 0, 0], "no class has a value of it"),
        ("val_own", [float("nan")] * 3, [1, 1, 1], "no class has a value of it"),
        ("val_own", [float("nan"), 0.5, float("nan")], [1, 1, 1], None),
        ("val_own", [0.5] * 3, [0, 0, 0], None),
    ],
)
def test_why_a_monitor_is_undefined(monitor, values, predicted, why):
    """An average precision, too, where a class that is there was never predicted."""
    found = always_undefined(by_hand(values, predicted), monitor)

    assert found == (None if why is None else f"{monitor} was undefined in every epoch: {why}")


def test_of_no_epoch_nothing_is_undefined():
    assert always_undefined(History("none yet", ("a", "b")), "val_loss") is None


POLYNOMIAL = "name: PolynomialDecay, initial_learning_rate: 0.01, end_learning_rate: 0.0"
COSINE = "name: CosineDecay, initial_learning_rate: 0.01"


@pytest.mark.parametrize("schedule", [POLYNOMIAL, COSINE])
@pytest.mark.parametrize(
    ("decay_steps", "note"),
    [
        (
            40,
            "The learning rate is 0 from step 40 of 96 on: the schedule of "
            "optimizer.learning_rate is shorter than the training.\n",
        ),
        (95, "The learning rate is 0 from step 95 of 96 on: "),
        (96, None),
        (1000, None),
    ],
)
def test_a_schedule_that_is_shorter_than_the_training_is_noted(
    tmp_path, capsys, schedule, decay_steps, note
):
    """By the first step of rate 0; one that fits is not mentioned."""
    rate = f"optimizer.learning_rate={{{schedule}, decay_steps: {decay_steps}}}"
    arguments = ["training.compile=graph", "--out", tmp_path / "run"]
    status, text = said(capsys, "fit", SMOKE, rate, *arguments)

    assert status == 0
    if note is None:
        assert "schedule" not in text
    else:
        assert note in text


def test_a_schedule_that_warms_up_from_0_is_not_called_short(tmp_path, capsys):
    rate = f"optimizer.learning_rate={{{COSINE}, decay_steps: 96, warmup_steps: 10"
    rate = f"{rate.replace('learning_rate: 0.01', 'learning_rate: 0.0')}, warmup_target: 0.01}}"
    arguments = ["training.compile=graph", "--out", tmp_path / "run"]
    status, text = said(capsys, "fit", SMOKE, rate, *arguments)

    assert status == 0
    assert "schedule" not in text


def test_a_number_as_the_rate_has_no_note(tmp_path, capsys):
    status, text = said(capsys, "fit", SMOKE, "training.compile=graph", "--out", tmp_path / "run")

    assert (status, "schedule" in text) == (0, False)


def test_a_signal_before_training_begins_is_said(tmp_path, capsys, monkeypatch):
    """While TensorFlow is loaded; nothing is written."""

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("mtrain.engine.backend.load_tensorflow", interrupt)
    status, text = said(capsys, "fit", SMOKE, "--out", tmp_path / "run")

    assert (status, text.splitlines()[-1]) == (130, "Stopped before training began.")
    assert not (tmp_path / "run").exists()
