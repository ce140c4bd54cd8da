"""States that no training wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hostile_json import CHANGES, STATES, altered
from hypothesis import given
from strangers import (
    Case,
    change_json,
    change_state,
    check_refused,
    checkpoint_of,
    many_examples,
    members_of,
    npy,
    put,
    sign,
    tried,
    zipped,
)

from mtrain.cli.main import run as mtrain
from mtrain.run.checkpoint import read_checkpoint

# --- What the columns of its history say


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("counts/val/tp", np.full((4, 10), -5), "tp must not be negative"),
        ("counts/val/tp", np.full((4, 10), 0.5), "must be int64 (4, 10), got <f8"),
        ("counts/val/tp", np.zeros((4, 9), np.int64), "must be int64 (4, 10), got <i8 (4, 9)"),
        ("scalars/loss", np.ones(3), "must be float64 (4,), got <f8 (3,)"),
        ("scalars/loss", np.full(4, 1e300), "loss holds a number too large to be a figure"),
        ("per_class/val/recall", np.full((4, 10), 1e300), "recall holds a number too large"),
    ],
)
def test_a_history_that_no_training_has_is_refused(small_run, tmp_path, capsys, name, values, says):
    """Its columns are arrays of the checkpoint."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    path = checkpoint_of(run) / "arrays.npz"
    members = {**members_of(path), f"history/{name}.npy": npy(values)}
    path.write_bytes(zipped(*members.items()))
    sign(path.parent)

    assert mtrain(["evaluate", str(run)]) == 1
    assert says in capsys.readouterr().err


CASES = {
    f"state/{name}": Case(lambda run, _, change=change: change_state(run, change), says)
    for name, (change, says) in STATES.items()
}


@pytest.fixture(scope="module")
def answers(ask):
    """To all that is to be refused."""
    return ask(CASES)


@pytest.mark.parametrize("name", STATES)
def test_a_state_that_no_training_has_is_refused(answers, name):
    """Whatever SHA256SUMS says: anybody can sign."""
    check_refused(answers[f"state/{name}"], CASES[f"state/{name}"])


def test_the_same_without_malice_is_accepted(ask, small_run, tmp_path, capsys):
    """What refuses the rest is what is wrong with it."""

    def signed_again(run, _):
        change_state(run, lambda state: None)

    cases = {
        "read": Case(signed_again, "", ("CHECKPOINT",)),
        "plot": Case(signed_again, "", ("plot", "RUN")),
    }
    for answer in ask(cases).values():
        assert answer.said["status"] == 0
        assert answer.said["ran"] == []
        assert [path for path in answer.changed if not path.startswith("run/charts/")] == []

    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    signed_again(run, None)
    assert mtrain(["evaluate", str(run)]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            lambda state: state["history"]["segments"][0].update(x=10**30),
            id="a_number_of_31_digits",
        ),
        pytest.param(
            lambda state: state["history"]["segments"][0].update(x="\ud800"), id="half_a_character"
        ),
        pytest.param(put(history__run="\ud800"), id="a_run_of_half_a_character"),
        pytest.param(put(history__segments=[]), id="no_segments"),
    ],
)
def test_resume_goes_on_or_says_why_not(small_run, tmp_path, capsys, change):
    """A history that can be read can be written again, an epoch later."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    change_state(run, change)
    status = mtrain(["resume", str(run), "training.epochs=5", "--quiet"])

    said = capsys.readouterr()
    assert (status, said.err == "") in {(0, True), (1, False), (2, False)}


def test_a_finished_run_whose_history_says_nothing_of_its_end_is_reported_again(
    small_run, tmp_path
):
    """`history.json` without any segment is no reason to fail."""
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    change_json(run / "history.json", put(segments=[]))

    assert mtrain(["resume", str(run), "--quiet"]) == 0
    assert json.loads((run / "history.json").read_text())["segments"][-1]["ended"] == "finished"


@many_examples
@given(changes=CHANGES)
def test_whatever_is_changed_in_a_state_it_is_read_or_refused(scratch, small_run, changes):
    """However it is signed."""
    path = scratch / checkpoint_of(small_run).name
    if not path.exists():
        shutil.copytree(checkpoint_of(small_run), path)
    state = json.loads((checkpoint_of(small_run) / "state.json").read_text())
    (path / "state.json").write_text(json.dumps(altered(state, changes)))
    sign(path)
    checkpoint, refusal = tried(read_checkpoint, path)
    assert checkpoint.name == path.name if checkpoint else refusal.startswith(f"{path}/")
