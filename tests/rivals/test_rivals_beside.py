"""Rivals are trained in a process beside this one, which ends with it."""

from __future__ import annotations

import os
import pickle
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from waiting import HANGS

from mtrain.rivals import process
from mtrain.rivals.models import train_rival
from mtrain.rivals.process import rivals_beside
from mtrain.rivals.task import RivalTask

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
        assert rivals.is_done(1)
    as_here(rivals.results(1), other)


def test_without_tasks_there_are_none():
    with rivals_beside([]) as rivals:
        assert rivals is None


def test_what_is_not_at_once_begins_when_it_is_asked_for(started):
    with rivals_beside([TASK, TASK], at_once=False) as rivals:
        assert rivals.left() == [0, 1]
        assert started == []
        as_here(rivals.results(1), TASK)
        assert rivals.left() == [0]  # nobody has asked for it
    assert rivals.results(0)[0].problem == "the training was stopped"
    assert len(started) == 1
    assert all(process.poll() is not None for process in started)


@pytest.mark.parametrize("problem", ["no memory", None])
def test_without_a_process_there_are_no_rivals_but_the_reason(problem, monkeypatch):
    """As in a program that is no Python: to start that again would be another program."""
    if problem is None:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
        problem = "this program has no Python to start"
    else:

        def start(*arguments, **options):
            raise OSError(problem)

        monkeypatch.setattr(process, "start_beside", start)
    with rivals_beside([TASK]) as rivals:
        assert [one.problem for one in rivals.results()] == [f"OSError: {problem}"] * 2
        assert all(one.was_cut for one in rivals.results())


@pytest.fixture
def started(monkeypatch):
    """The processes of the test."""
    processes, original = [], process.start_beside

    def start(*arguments, **options):
        processes.append(original(*arguments, **options))
        return processes[-1]

    monkeypatch.setattr(process, "start_beside", start)
    return processes


def test_a_task_that_takes_too_long_is_stopped_alone_and_says_so(monkeypatch):
    """Tasks after it, and before, are done; a training of many hours would have waited longer."""
    monkeypatch.setattr(process, "LEAST_SECONDS", 1.0)
    with rivals_beside([ENDLESS, TASK, ENDLESS]) as rivals:
        stopped = rivals.results(0)
        assert [one.name for one in stopped] == ["logistic", "boosting"]
        assert (stopped[1].probabilities, stopped[1].was_cut) == ({}, True)
        assert re.fullmatch(r"not done \d+ s after the network was trained", stopped[1].problem)
        as_here(rivals.results(1, seconds_before=2 * HANGS), TASK)
        began = time.monotonic()
        assert rivals.results(2)[1].was_cut
        assert time.monotonic() - began < HANGS


def test_who_waits_can_be_interrupted():
    def check():
        raise InterruptedError

    with rivals_beside([ENDLESS]) as rivals, pytest.raises(InterruptedError):
        rivals.results(check=check, is_limited=False)


def test_a_process_that_is_killed_leaves_no_rivals_of_its_task(started):
    """It says how it ended; small tasks behind it, which fit into a pipe, are done."""
    with rivals_beside([ENDLESS, TASK, TASK]) as rivals:
        while not started:
            time.sleep(0.01)
        started[0].kill()
        problem = "its process was ended by SIGKILL, as where memory is short"
        assert [one.problem for one in rivals.results()] == [problem] * 2
        as_here(rivals.results(2), TASK)
        as_here(rivals.results(1), TASK)


def test_what_is_no_result_ends_that_task_alone(started, monkeypatch):
    """As where something prints into the pipe before the rivals do."""
    load, loaded = pickle.load, []

    def load_garbage_first(file):
        if not loaded:
            loaded.append(file)
            raise KeyError(0)
        return load(file)

    monkeypatch.setattr(process.pickle, "load", load_garbage_first)
    with rivals_beside([ENDLESS, TASK]) as rivals:
        assert [one.problem for one in rivals.results(0)] == ["KeyError: 0"] * 2
        as_here(rivals.results(1), TASK)
    assert started[0].returncode == -signal.SIGKILL


def test_nothing_is_left_of_rivals_that_nobody_waits_for(started):
    with rivals_beside([TASK, ENDLESS]):
        while not started:
            time.sleep(0.01)
    assert all(process.poll() is not None for process in started)


KILLED = """
import os, signal, time
from mtrain.rivals import process
from test_rivals_beside import ENDLESS

original = process.start_beside

def start(*arguments, **options):
    print(original(*arguments, **options).pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

process.start_beside = start
with process.rivals_beside([ENDLESS]):
    time.sleep(600)
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
    with suppress(ProcessLookupError):  # it has ended already
        left = os.pidfd_open(int(killed.stdout))
        ended, _, _ = select.select([left], [], [], HANGS)
        os.close(left)
        assert ended
