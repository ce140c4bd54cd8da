"""Whether lower or higher is better: known of mtrain's own metrics, said of custom ones."""

from __future__ import annotations

import json
import math

import pytest

from mtrain.cli.main import run
from mtrain.config.loading.load import load_config
from mtrain.errors import UsageError
from mtrain.metrics.history import History
from mtrain.metrics.monitor import first_is_best, higher_is_better
from mtrain.training.control import TrainingControl

MODULE = """
def fpr95(y_true, y_pred):
    return float((y_true.argmax(axis=1) == y_pred.argmax(axis=1)).mean())


def gain(y_true, y_pred):
    return 1 - fpr95(y_true, y_pred)
"""
"""Two metrics whose names say the opposite of what they are."""


def training_of(**settings):
    return {"metrics": ["accuracy", "own:fpr95"], "training": settings}


def history_of(*values, monitor="val_loss"):
    return History(
        "a run",
        ("a", "b"),
        epoch=list(range(1, len(values) + 1)),
        scalars={monitor: list(values)},
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"early_stopping": {"monitor": "val_fpr95"}},
            "training.early_stopping.monitor: whether lower or higher 'val_fpr95' is better is not "
            "known; add mode: min or mode: max",
        ),
        (
            {"reduce_on_plateau": {"monitor": "val_fpr95"}},
            "training.reduce_on_plateau.monitor: whether lower or higher 'val_fpr95' is better is "
            "not known; add mode: min or mode: max",
        ),
        (
            {"save_best": "val_fpr95"},
            "training.save_best: whether lower or higher 'val_fpr95' is better is not known; write "
            "{monitor: val_fpr95, mode: min}, or mode: max",
        ),
        (
            {"save_best": {"monitor": "fpr95"}},
            "training.save_best: whether lower or higher 'fpr95' is better is not known; write "
            "{monitor: fpr95, mode: min}, or mode: max",
        ),
        (
            {"early_stopping": {"monitor": "val_loss", "mode": "max"}},
            "training.early_stopping.monitor: the mode of 'val_loss' is min, got max",
        ),
        (
            {"save_best": {"monitor": "val_accuracy", "mode": "min"}},
            "training.save_best: the mode of 'val_accuracy' is max, got min",
        ),
        (
            {"save_best": {"monitor": "val_fpr95", "mode": "up"}},
            "training.save_best.mode: unknown name 'up'; ",
        ),
        ({"save_best": 5}, "training.save_best: must be text, got 5"),
        ({"save_best": {"mode": "min"}}, "training.save_best.monitor: is missing"),
    ],
)
def test_the_mode_of_a_custom_metric_is_required(settings, message):
    """And that of another cannot be changed."""
    with pytest.raises(UsageError) as error:
        load_config(training_of(**settings), {})

    assert f"config: {message}" in str(error.value)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_mode_is_accepted_where_it_is_needed_or_right(mode):
    """Of a custom metric either; of mtrain's own the one that it has."""
    config = load_config(
        training_of(
            early_stopping={"monitor": "val_fpr95", "mode": mode},
            reduce_on_plateau={"monitor": "val_loss", "mode": "min"},
            save_best={"monitor": "val_fpr95", "mode": mode},
        ),
        {},
    )

    assert (config.save_best, config.save_best_mode) == ("val_fpr95", mode)
    assert load_config(config.model_dump(mode="json"), {}) == config


@pytest.mark.parametrize(
    ("monitor", "rises"),
    [
        ("val_loss", False),
        ("fpr_macro", False),
        ("val_fpr_weighted", False),
        ("val_log_loss", False),
        ("recall_macro", True),
        ("val_mcc", True),
    ],
)
def test_mtrains_own_metrics_have_a_mode(monitor, rises):
    """By their whole names."""
    assert higher_is_better(monitor) == rises


def test_nothing_is_guessed_from_a_name():
    """Though it begins as another's does."""
    assert higher_is_better("val_fpr95", "max")
    assert not higher_is_better("val_accuracy_like", "min")


@pytest.mark.parametrize(("mode", "stops"), [("min", False), ("max", True)])
def test_early_stopping_and_plateaus_go_by_the_mode(mode, stops):
    """Of a figure that falls in every epoch."""
    steering = {"monitor": "val_fpr95", "mode": mode, "patience": 2}
    settings = {"early_stopping": steering, "reduce_on_plateau": steering}
    config = load_config(training_of(**settings), {})
    history = history_of(4.0, 3.0, 2.0, monitor="val_fpr95")
    control = TrainingControl(config.training, history)
    assert (control.early_stop is not None) == stops

    before = TrainingControl(config.training, history_of(4.0, 3.0, monitor="val_fpr95"))
    before._history = history
    assert (before.add(2) is not None) == stops


@pytest.mark.parametrize(
    ("name", "mode", "best"),
    [("fpr95", "max", max), ("gain", "min", min)],
)
def test_the_best_epoch_is_chosen_by_the_mode(tmp_path, name, mode, best):
    """And stays so in a run that is resumed."""
    (tmp_path / "own.py").write_text(MODULE)
    config, out = tmp_path / "c.yaml", tmp_path / "runs" / "run"
    config.write_text(
        "dataset: {name: digits, samples: 300}\n"
        f"metrics: [accuracy, 'own:{name}']\n"
        "training:\n"
        "  epochs: 3\n"
        "  compile: graph\n"
        f"  save_best: {{monitor: val_{name}, mode: {mode}}}\n"
    )
    assert run(["fit", str(config), "--out", str(out), "--quiet"]) == 0
    assert run(["resume", str(out), "training.epochs=4", "--allow-code", "--quiet"]) == 0
    values = json.loads((out / "history.json").read_text())["history"][f"val_{name}"]

    epoch = values.index(best(values)) + 1
    assert (out / "checkpoints" / "best").read_text() == f"epoch-{epoch:04}\n"


@pytest.mark.parametrize(
    ("values", "advised"),
    [
        ([1.0, 2.0, 3.0], True),
        ([1.0, 2.0], False),
        ([3.0, 2.0, 1.0], False),
        ([1.0, 2.0, 0.5], False),
        ([0.0, 0.0, 0.0], False),
        ([math.nan, 2.0, 3.0], False),
        ([], False),
    ],
)
def test_where_the_first_epoch_was_the_best_smaller_steps_are_advised(values, advised):
    """Of three epochs or more, unless the last is as good."""
    text = first_is_best(history_of(*values), "val_loss")

    assert (text is not None) == advised
    if advised:
        assert text == (
            "The first of 3 epochs was the best by val_loss: smaller steps may learn more; try a "
            "lower optimizer.learning_rate."
        )


def test_fit_advises_smaller_steps(tmp_path, capsys):
    """Here of a figure that rises, though lower is said to be better."""
    (tmp_path / "own.py").write_text(MODULE)
    config = tmp_path / "c.yaml"
    config.write_text(
        "dataset: {name: digits, samples: 300}\n"
        "metrics: [accuracy, 'own:fpr95']\n"
        "training: {epochs: 6, compile: graph, save_best: {monitor: val_fpr95, mode: min}}\n"
    )
    assert run(["fit", str(config), "--out", str(tmp_path / "run")]) == 0

    text = capsys.readouterr().err
    assert "The first of 6 epochs was the best by val_fpr95: smaller steps may learn more" in text
