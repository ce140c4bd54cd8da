"""Sweeps as whole processes: killed, and with members of different numbers of threads."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from crashtest import digest
from stopped_runs import COMMAND
from swept import digests, members, result, tables, written
from waiting import wait_until, watched

pytestmark = pytest.mark.slow


def started(*arguments):
    command = [COMMAND, *map(str, arguments), "--quiet"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(*arguments):
    process = started(*arguments)
    with watched(process):
        assert process.wait() == 0


def has_trained(out, n):
    """Whether so many members have an epoch on the disk."""
    return lambda: len({path.parent for path in out.glob("*/checkpoints/epoch-*")}) >= n


@pytest.mark.parametrize("halving", [(), ("--halving", "{every: 4}")], ids=["whole", "halving"])
def test_a_sweep_killed_again_and_again_ends_with_the_same_bits(tmp_path, halving):
    config = written(tmp_path)
    out, whole = tmp_path / "killed", tmp_path / "whole"
    arguments = (
        *(config, "model.hidden=20,30", "model.dropout=0,0.2", "training.epochs=12"),
        *("checkpoint.every_seconds=0", *halving),
    )
    for n in (1, 3):
        process = started("sweep", *arguments, "--out", out, "--resume")
        with watched(process):
            wait_until(has_trained(out, n), process)
            process.kill()
    # Not here, where TensorFlow may have another number of threads.
    finish("sweep", *arguments, "--out", out, "--resume")
    finish("sweep", *arguments, "--out", whole)

    assert digests(out) == digests(whole)
    assert tables(out) == tables(whole)


def test_members_of_one_thread_and_of_all_are_each_as_alone(tmp_path):
    """TensorFlow has one number of threads in a process: there is a process for each number."""
    config = written(tmp_path)
    out = tmp_path / "sweep"
    finish("sweep", config, "model.hidden=12,600x2", "--out", out)
    for member in members(out):
        alone = tmp_path / member.name
        finish("fit", member / "config.yaml", "--out", alone)
        assert digest(member) == digest(alone)
    threads = {
        member.name: json.loads((member / "environment.json").read_text())["threads"]
        for member in members(out)
    }
    assert threads == {"hidden-12": 1, "hidden-600x2": len(os.sched_getaffinity(0))}
    assert {one["state"] for one in result(out)["members"]} == {"finished"}


def test_a_signal_saves_the_members_in_training_and_the_sweep_is_resumed(tmp_path):
    config = written(tmp_path)
    out, whole = tmp_path / "sweep", tmp_path / "whole"
    arguments = ("sweep", config, "model.hidden=20,30,40", "training.epochs=40")
    process = started(*arguments, "--out", out)
    with watched(process):
        wait_until(has_trained(out, 1), process)
        process.send_signal(signal.SIGTERM)
        process.wait()
    if process.returncode == 0:
        pytest.skip("it was finished before the signal came")
    assert process.returncode == 143
    assert {one["state"] for one in result(out)["members"]} <= {"stopped", "waiting", "finished"}
    finish(*arguments, "--out", out, "--resume")
    finish(*arguments, "--out", whole)
    assert digests(out) == digests(whole)
    assert tables(out) == tables(whole)


def test_charts_are_drawn_beside_each_other_in_the_users_folder(tmp_path, monkeypatch):
    """Loading matplotlib changes the folder for a moment, in which no member may write."""
    monkeypatch.chdir(tmp_path)
    finish("sweep", written(tmp_path), "--seeds", "6", "--jobs", "3", "--charts", "--out", "sweep")

    charts = {path.parent.parent.name for path in tmp_path.glob("sweep/*/charts/*.png")}
    assert charts == {member.name for member in members(tmp_path / "sweep")}
    assert len(charts) == 6
