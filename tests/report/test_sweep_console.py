"""A sweep on the console and in its chart."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from matplotlib.collections import PathCollection
from rich.console import Console

from mtrain.records.sweep import (
    MemberResult,
    SettingResult,
    SplitFigures,
    SweepResult,
    SweptFigure,
)
from mtrain.report.charts.sweep import draw_sweep, sweep_charts
from mtrain.report.console.sweep import LiveMembers, PlainMembers, print_sweep

KEY, OTHER = "optimizer.learning_rate", "model.hidden"


def figures(accuracy):
    return SplitFigures(100, 0.5, accuracy, accuracy, accuracy, accuracy)


def member(place, value, state="finished", **more):
    test = figures(0.9 - place / 100) if state == "finished" else None
    return MemberResult(f"m{place}", place, None, None, state, value=value, test=test, **more)


def setting(place, value, comparison, *, finished=1, **swept):
    accuracy = SweptFigure(0.9 - place / 100, 0.85, 0.95, **swept) if finished else None
    values = {KEY: 10.0**-place, OTHER: [30, 20] if place else 30}
    return SettingResult(
        f"s{place}", values, (f"m{place}",), finished, value, comparison, 0.5, accuracy, accuracy
    )


@pytest.fixture
def swept():
    """Four settings: the best, one not shown worse, one worse, one that was stopped."""
    return SweepResult(
        name="digits-sweep",
        by="val_loss",
        higher_is_better=False,
        compared_by="log loss of 360 validation rows",
        axes=(KEY, OTHER),
        seeds=None,
        folds=None,
        members=(
            member(0, 0.3, epochs=9),
            member(1, 0.2, epochs=9),
            member(2, 0.9, epochs=9),
            member(3, None, "stopped", epochs=4, problem="by halving"),
        ),
        settings=(
            setting(0, 0.3, "not shown worse"),
            setting(1, 0.2, "best"),
            setting(2, 0.9, "worse"),
            setting(3, None, "not compared", finished=0),
        ),
        best=1,
    )


def printed(sweep, width=None, monkeypatch=None):
    if width is not None:
        monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    print_sweep(sweep, stream)
    return stream.getvalue()


def test_the_settings_are_printed_best_first_with_what_is_shown_of_them(swept):
    lines = printed(swept).splitlines()

    assert [line.split("  ")[0] for line in lines[1:5]] == [
        "learning_rate 0.1, hidden 30-20",
        "learning_rate 1, hidden 30",
        "learning_rate 0.01, hidden 30-20",
        "learning_rate 0.001, hidden 30-20",
    ]
    assert [line.split() for line in lines[1:3]] == [
        [
            "learning_rate",
            "0.1,",
            "hidden",
            "30-20",
            "0.2",
            "0.890",
            "0.890",
            "best",
            "0.850",
            "to",
            "0.950",
            "1/1",
        ],
        [
            "learning_rate",
            "1,",
            "hidden",
            "30",
            "0.3",
            "0.900",
            "0.900",
            "not",
            "shown",
            "worse",
            "0.850",
            "to",
            "0.950",
            "1/1",
        ],
    ]
    assert "stopped after epoch 4" in lines[4]
    assert lines[5:] == [
        "1 of 4 members stopped",
        "best by val_loss: learning_rate 0.1, hidden 30-20; on test: accuracy 0.890 (95 % interval "
        "0.850 to 0.950)",
        "1 of the other 2 settings is not shown to be worse: log loss of 360 validation rows, at 5 % "
        "for all pairs together",
        "this compares the trained networks: other seeds may rank otherwise, which --seeds shows",
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_number_is_cut_in_a_narrow_terminal(swept, monkeypatch, width):
    text = printed(swept, width, monkeypatch)

    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    for number in ("0.2", "0.3", "0.9"):
        assert number in text.split()


def test_plain_lines_name_each_member_that_ends():
    stream = io.StringIO()
    plain = PlainMembers(stream)
    plain.begin(
        SweepResult("s", "val_loss", False, None, (), None, None, (member(0, 0.1),), (), None),  # noqa: FBT003
        {"m0": 3, "m1": 3, "m2": 3},
    )
    plain.ended(member(1, 0.25))
    plain.ended(member(2, None, "diverged", problem="the loss is inf"))
    plain.ended(member(2, None, "stopped", problem="by halving"))

    assert stream.getvalue().splitlines() == [
        "1 of 3 members are finished already.",
        "2/3 m1: finished, val_loss 0.25, test accuracy 0.890, macro F1 0.890",
        "3/3 m2: diverged: the loss is inf",
    ]


def test_the_live_table_has_the_best_first_then_those_in_training_then_those_that_wait(swept):
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    live = LiveMembers(console)
    live.begin(swept, {f"m{place}": 9 for place in range(4)} | {"m4": 9, "m5": 9})
    live.began("m5")
    live.epoch("m3", 5, 0.25)
    live.end()
    with console.capture() as capture:
        console.print(live.picture())
    lines = [line.split() for line in capture.get().splitlines() if " m" in line or "m" in line[:3]]

    assert [line[0] for line in lines if line and line[0][0] == "m" and line[0][1:].isdigit()] == [
        *("m1", "m3", "m0", "m2", "m5", "m4")
    ]
    assert ["m3", "5/9", "0.25", "stopped"] in lines


def test_the_chart_has_a_point_a_finished_member_and_the_median_of_each_value(swept):
    figure = draw_sweep(swept)
    first, second = [axes for axes in figure.axes if axes.get_visible()]

    assert [axes.get_xlabel() for axes in (first, second)] == ["learning_rate", "hidden"]
    assert first.get_ylabel() == "val_loss"
    assert [label.get_text() for label in first.get_xticklabels()] == ["0.01", "0.1", "1"]
    points = [
        tuple(point)
        for one in second.collections
        if isinstance(one, PathCollection)
        for point in one.get_offsets().tolist()
    ]
    assert sorted(points) == [(0, 0.3), (1, 0.2), (1, 0.9)]
    medians = [line.get_ydata()[0] for line in second.get_lines()]
    assert medians == [0.3, pytest.approx(0.55)]


@pytest.mark.renders
def test_the_chart_is_a_file_unless_there_is_nothing_to_draw(swept):
    ((name, content),) = sweep_charts(swept)

    assert name == "sweep.png"
    assert content.startswith(b"\x89PNG")
    assert not list(sweep_charts(replace(swept, axes=())))
    assert not list(sweep_charts(replace(swept, members=())))
