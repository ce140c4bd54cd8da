"""Comparisons and gates of runs whose rows belong together."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import said
from jsonschema import Draft202012Validator
from written_evaluations import written_run

import mtrain
from mtrain.cli.main import run as command
from mtrain.errors import MtrainError
from mtrain.run.json_schemas import file_schemas

GROUPS = np.repeat(np.arange(30), 20)
TRUTH = np.repeat([0, 1, 2] * 10, 20)


def mistaken(*groups):
    """Predictions that are wrong on all rows of these groups."""
    return np.where(np.isin(GROUPS, groups), (TRUTH + 1) % 3, TRUTH)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Runs `first` and `second`, of groups of twenty rows, and the same ones `alone`, without groups."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    for folder, groups in ((".", GROUPS), ("alone", None)):
        (tmp_path / folder).mkdir(exist_ok=True)
        written_run(f"{folder}/first", TRUTH, mistaken(0, 1, 2, 3, 4, 5), groups=groups)
        written_run(f"{folder}/second", TRUTH, mistaken(3, 4, 6), groups=groups)
    return tmp_path


@pytest.mark.usefixtures("runs")
def test_groups_are_compared_not_rows():
    """Four patients for the second, and one for the first, are no proof; 80 rows and 20 would be."""
    of_groups, of_rows = (
        mtrain.compare("first", "second"),
        mtrain.compare("alone/first", "alone/second"),
    )

    assert (of_groups.groups, of_rows.groups) == (30, None)
    assert of_groups.averages.accuracy.difference == of_rows.averages.accuracy.difference
    assert of_rows.averages.accuracy.finding == "better"
    assert of_groups.averages.accuracy.finding == "not shown"
    # Of 32 ways to swap five groups, 12 differ as much.
    assert of_groups.averages.accuracy.p == pytest.approx(12 / 32)
    low, high = of_groups.averages.accuracy.ci
    assert low < 0 < high
    assert "The same prediction on 500 of 600 rows of 30 groups; of the other 100" in repr(
        of_groups
    )


@pytest.mark.usefixtures("runs")
def test_a_gate_counts_groups():
    """27 of 30 patients do not show an accuracy of 0.85, as 540 of 600 rows would."""
    rules = (
        "accuracy >= 0.85",
        "recall[c] >= 0.7",
        "f1_macro >= 0.8",
        "accuracy >= baseline + 0.1",
    )
    of_groups, of_rows = mtrain.gate("second", *rules), mtrain.gate("alone/second", *rules)

    assert (of_groups.groups, of_rows.groups) == (30, None)
    assert [one.outcome for one in of_rows.results] == ["passed"] * 4
    assert [one.outcome for one in of_groups.results] == ["inconclusive"] * 3 + ["passed"]
    for one, other in zip(of_groups.results, of_rows.results, strict=True):
        assert one.value == other.value
        assert one.p_pass > other.p_pass
    assert of_groups.results[0].reason == "540 of 600 right"
    assert of_groups.results[0].rows_needed > 1200


@pytest.mark.usefixtures("runs")
def test_a_gate_against_a_run_counts_groups():
    """As a comparison does."""
    rule = "accuracy >= baseline"
    results = {name: mtrain.gate(f"{name}second", rule, baseline=f"{name}first") for name in ("", "alone/")}  # fmt: skip

    assert results["alone/"].results[0].outcome == "passed"
    assert results[""].results[0].outcome == "inconclusive"


@pytest.mark.usefixtures("runs")
def test_calibration_counts_groups():
    """Rows that are right together say less of the probabilities."""
    rule = "calibration_error <= 0.25"
    of_groups, of_rows = (mtrain.gate(f"{name}second", rule).results[0] for name in ("", "alone/"))

    assert (of_rows.outcome, of_groups.outcome) == ("passed", "passed")
    assert of_groups.p_pass > 20 * of_rows.p_pass


@pytest.mark.usefixtures("runs")
def test_groups_need_predictions(tmp_path):
    """They are in no other file."""
    written_run(tmp_path / "bare", TRUTH, mistaken(3), groups=GROUPS, keeps_predictions=False)
    with pytest.raises(MtrainError) as error:
        mtrain.gate("bare", "accuracy >= 0.5")

    assert str(error.value) == (
        "bare/evaluation/test: its rows have groups, which need its predictions, which were not kept"
    )


def test_runs_with_and_without_groups_are_not_compared(runs, capsys):
    """Their test rows are not the same either, as a rule."""
    assert said(capsys, *["compare", "first", "alone/second"]) == (
        1,
        "alone/second: cannot be compared with first: its rows have no groups, that one has some",
    )
    assert said(capsys, *["compare", "alone/first", "second"]) == (
        1,
        "second: cannot be compared with alone/first: its rows have groups, that one has none",
    )
    rows = np.load(runs / "first/evaluation/test/predictions.npz")
    changed = {name: rows[name] for name in rows} | {"groups": GROUPS // 2}
    np.savez(runs / "first/evaluation/test/predictions.npz", **changed)
    assert said(capsys, *["compare", "first", "second"]) == (
        1,
        "first/evaluation/test: was changed since it was made: the groups of predictions.npz "
        "are not those of metrics.json",
    )


@pytest.mark.usefixtures("runs")
def test_documents_say_how_many_groups_there_are(capsys):
    """Of a comparison and of a gate, as their schemas have it."""
    for arguments, name, status in (
        (["compare", "first", "second"], "comparison.json", 0),
        (["gate", "second", "accuracy >= 0.5"], "gate.json", 0),
    ):
        assert command([*arguments, "--json"]) == status
        document = json.loads(capsys.readouterr().out)
        Draft202012Validator(file_schemas()[name]).validate(document)
        assert document["groups"] == 30
