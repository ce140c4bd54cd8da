"""The table of `mtrain runs`: how its columns are headed, and what fits into a terminal."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest

from mtrain.records.run import RunOutcome
from mtrain.report.console.runs import print_runs
from mtrain.workflows.list_runs import setting_headings


@pytest.fixture(autouse=True)
def no_width(monkeypatch):
    """As in a pipe, whatever the terminal of whoever runs the tests."""
    monkeypatch.delenv("COLUMNS", raising=False)


def outcome(**changes):
    """A run with the longest of everything."""
    whole = RunOutcome(
        name="a-sweep-of-many/a-run-with-a-long-name-2",
        started="2026-01-02T03:04:05+00:00",
        dataset="measurements_of_the_second_laboratory.parquet",
        network="500x5",
        epochs=12345,
        epochs_wanted=100000,
        best=("val_precision_weighted", 0.98765),
        higher_is_better=True,
        worst_class=("a class with a long name", 0.123, "val"),
        state="finished, not reported",
        settings={"optimizer.learning_rate": 1.25e-05, "seed": 43052, "dataset.shares": [0.125]},
    )
    return replace(whole, **changes)


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_no_number_is_broken_at_any_width(capsys, monkeypatch, columns):
    """Those of lists of numbers and signed ones, too."""
    monkeypatch.setenv("COLUMNS", str(columns))
    settings = {"optimizer.learning_rate": 0.001, "seed": 0, "dataset.shares": [0.25, -0.0625]}
    runs = [outcome(), outcome(name="b", settings=settings)]
    print_runs(runs, setting_headings(list(settings)), sys.stdout)
    text = capsys.readouterr().out

    assert "…" not in text
    assert max(map(len, text.splitlines())) <= columns
    found = set(re.split(r"[\s,\[\]]+", text))
    shown = {
        "learning_rate": {"1.25e-05", "0.001"},
        "seed": {"43052", "0"},
        "shares": {"0.125", "0.25", "-0.0625"},
        "best": {"0.9877"},
        "worst": {"0.123"},
    }
    for heading in shown.keys() & set(text.splitlines()[0].split()):
        assert shown[heading] <= found
    assert "12,345/100,000" in text
    assert "best" in text.splitlines()[0]
    assert ("shares" in text.splitlines()[0]) == (columns == 200)


SETTINGS = (
    *("seed", "model.dropout", "model.activation", "optimizer.learning_rate"),
    *("training.batch_size", "evaluation.threshold.recall"),
)


def wide_table(capsys):
    """The lines of a table of seven runs that differ in six settings."""
    headings = setting_headings(SETTINGS)
    runs = [
        outcome(
            name=f"digits-{n}",
            dataset="digits",
            epochs=30,
            epochs_wanted=30,
            best=("val_loss", 0.1234),
            worst_class=("8", 0.913, "val"),
            state="finished",
            settings=dict.fromkeys(SETTINGS, f"{n}.5"),
        )
        for n in range(1, 8)
    ]
    print_runs(runs, headings, sys.stdout)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (60, 1),
        (80, 2),
        (100, 4),
        (140, 6),
    ],
)
def test_settings_without_room_are_left_out_and_named(capsys, monkeypatch, columns, shown):
    """Those on the right; the headings of the others are whole, and no line is too long."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = wide_table(capsys)
    headings = list(setting_headings(SETTINGS).values())

    assert max(map(len, lines)) <= columns
    others = ["epochs", "best", "worst", "F1", "state"]
    assert lines[0].split() == ["run", "data", *headings[:shown], *others]
    assert [line.split()[2] for line in lines if line.startswith("digits")] == [
        f"{n}.5" for n in range(1, 8)
    ]
    note = " ".join(line.strip() for line in lines if not line.startswith((" ", "digits", "run")))
    left_out = ", ".join([*headings[shown:], "hidden", "started"])
    assert note == f"Left out: {left_out}; --json or a wider terminal shows them."


def test_hidden_units_that_differ_stay_as_long_as_settings_go(capsys, monkeypatch):
    """They are what most people look for."""
    monkeypatch.setenv("COLUMNS", "74")
    runs = [outcome(name="a", dataset="b", network="30"), outcome(name="b", dataset="b")]
    print_runs(runs, setting_headings(["optimizer.learning_rate"]), sys.stdout)
    text = capsys.readouterr().out

    assert "hidden" in text.splitlines()[0]
    assert text.splitlines()[-1].startswith("Left out: learning_rate, started; ")


def test_long_lists_are_cut_unless_they_differ_in_what_is_cut(capsys):
    """Six items of each are shown."""
    lists = [list("abcdefgh"), list("abcdefgx"), list("abcdefgh")]
    runs = [
        outcome(name=f"r{k}", settings={"dataset.classes": some}) for k, some in enumerate(lists)
    ]
    for shown, expected in ((runs[:2], "a,b,c,d,e,f,g,x"), (runs[::2], "a,b,c,d,e,f,+2")):
        print_runs(shown, setting_headings(["dataset.classes"]), sys.stdout)
        assert expected in capsys.readouterr().out


def test_a_pipe_has_every_setting(capsys):
    """It has no width."""
    lines = wide_table(capsys)

    assert len(lines) == 8
    assert set(setting_headings(SETTINGS).values()) <= set(lines[0].split())


@pytest.mark.parametrize(
    ("key", "heading"),
    [
        ("seed", "seed"),
        ("optimizer.learning_rate", "learning_rate"),
        ("optimizer.learning_rate.decay_steps", "learning_rate.decay_steps"),
        ("evaluation.threshold.recall", "threshold.recall"),
        ("training.reduce_on_plateau.patience", "reduce_on_plateau.patience"),
        ("optimizer.name", "optimizer.name"),
        ("own.loss", "own.loss"),
        ("own.accuracy", "own.accuracy"),
        ("own.best", "own.best"),
    ],
)
def test_a_setting_is_headed_by_what_says_which(key, heading):
    """Nothing that reads like a figure or another column."""
    assert setting_headings([key]) == {key: heading}


def test_settings_of_one_name_are_headed_by_their_keys():
    keys = ["dataset.size", "model.size", "a.x.size", "b.x.size", "model.y.size"]

    assert list(setting_headings(keys).values()) == [*keys[:4], "y.size"]
