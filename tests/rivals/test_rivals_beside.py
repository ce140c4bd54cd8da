"""Rivals are trained in a process beside this one, which ends with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from waiting import HANGS

from mtrain.rivals import training
from mtrain.rivals.models import train_rival
from mtrain.rivals.task import RivalTask
from mtrain.rivals.training import rivals_beside

RNG = np.random.default_rng(0)
TASK = RivalTask(
    names=("logistic", "boosting"),
    inputs=RNG.normal(size=(60, 4)).astype(np.float32),
    labels=np.arange(60, dtype=np.int32) % 2,
    weights=None,
    others={"test": RNG.normal(size=(20, 4)).astype(np.float32)},
    divisor=None,
    categories=(),
    n_classes=2,
    seed=0,
)

ENDLESS = replace(
    TASK,
    names=("logistic", "boosting"),
    inputs=RNG.normal(size=(30_000, 300)).astype(np.float32),
    labels=np.arange(30_000, dtype=np.int32) % 20,
    others={"test": np.zeros((1, 300), np.float32)},
    n_classes=20,
)
"""Minutes, even on a fast machine."""


def as_here(rivals, task):
    for rival, name in zip(rivals, task.names, strict=True):
        here = train_rival(name, task)
        assert (rival.name, rival.problem, rival.notes) == (name, None, here.notes)
        assert_array_equal(rival.probabilities["test"], here.probabilities["test"])


def test_tasks_are_done_one_after_the_other_and_asked_for_in_any_order():
    """To the last bit what this process would make of them, as often as they are asked for."""
    other = replace(TASK, labels=TASK.labels[::-1].copy(), names=("boosting",))
    with rivals_beside([TASK, other]) as rivals:
        as_here(rivals.results(1), other)
        as_here(rivals.results(0), TASK)
        as_here(rivals.results(1), other)


def test_without_tasks_there_is_no_process(monkeypatch):
    monkeypatch.setattr(training, "start_beside", None)
    with rivals_beside([]) as rivals:
        assert rivals is None


def test_without_room_for_a_process_there_are_no_rivals(monkeypatch):
    def start(*arguments, **options):
        raise OSError("no memory")

    monkeypatch.setattr(training, "start_beside", start)
    with rivals_beside([TASK]) as rivals:
        assert rivals is None


def test_rivals_that_take_too_long_are_stopped_and_say_so(monkeypatch):
    """At least one of the two; those of later tasks as well."""
    monkeypatch.setattr(training, "LEAST_SECONDS", 3.0)
    monkeypatch.setattr(training, "SHARE", 0.0)
    with rivals_beside([TASK, ENDLESS, TASK]) as rivals:
        as_here(rivals.results(0), TASK)
        began = time.monotonic()
        stopped = rivals.results(1)
        assert time.monotonic() - began < HANGS
        assert [one.name for one in stopped] == ["logistic", "boosting"]
        assert stopped[1].probabilities == {}
        assert stopped[1].problem.endswith("s, when its training was stopped")
        assert [one.problem is None for one in rivals.results(2)] == [False, False]


def test_a_process_that_is_killed_leaves_no_rivals(monkeypatch):
    processes, original = [], training.start_beside

    def start(*arguments, **options):
        processes.append(original(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(training, "start_beside", start)
    with rivals_beside([ENDLESS]) as rivals:
        processes[0].kill()
        assert [bool(one.problem) for one in rivals.results()] == [True, True]


KILLED = """
import os, signal
from mtrain.rivals import training
from test_rivals_beside import ENDLESS

original = training.start_beside

def start(*arguments, **options):
    process = original(*arguments, **options)
    print(process.pid, flush=True)
    return process

training.start_beside = start
with training.rivals_beside([ENDLESS]):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="looks at a process as Linux does")
def test_the_process_ends_with_a_killed_command():
    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        stdout=subprocess.PIPE,
        timeout=HANGS,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
    )
    assert killed.returncode == -signal.SIGKILL
    try:
        process = os.pidfd_open(int(killed.stdout))
    except ProcessLookupError:
        return  # it has ended already
    ended, _, _ = select.select([process], [], [], HANGS)
    os.close(process)
    assert ended
