"""Sweeps as whole processes: killed, and with members of different numbers of threads."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from crashtest import digest
from stopped_runs import COMMAND
from swept import digests, members, result, sweep, tables, written
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
    for n in (1, 2, 3):
        process = started("sweep", *arguments, "--out", out, "--resume")
        with watched(process):
            wait_until(has_trained(out, n), process)
            process.kill()
    assert sweep(*arguments, "--out", out, "--resume") == 0
    assert sweep(*arguments, "--out", whole) == 0

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
