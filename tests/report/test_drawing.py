"""Charts drawn in processes beside the command."""

from __future__ import annotations

import importlib
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from epochs_and_reports import history_of, names_of, report_of
from waiting import HANGS

from mtrain.report import drawing
from mtrain.report.drawing import draw_here, drawing_beside, evaluation_charts, history_charts

pytestmark = pytest.mark.renders

NAMES = names_of(3)

DRAWS_AND_IS_KILLED = """
import os, signal
from mtrain.loading import own_process
from mtrain.report import drawing

def start(received):
    server = original(received)
    print(server.pid, flush=True)
    return server

own_process()
original, drawing._start_server = drawing._start_server, start
with drawing.drawing_beside():
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def servers(monkeypatch):
    """The processes that draw, started as in a process of mtrain's own."""
    started, original = [], drawing._start_server

    def start(received):
        started.append(original(received))
        return started[-1]

    monkeypatch.setattr(drawing, "owns_process", lambda: True)
    monkeypatch.setattr(drawing, "_start_server", start)
    return started


SLOW_CHARTS = """
import time

def slow_charts(fifo, part):
    with open(fifo, "w") as file:
        print("begun", file=file, flush=True)
        time.sleep(10)
        print("done", file=file)
    yield from ()
"""


def open_files():
    return {path.name for path in Path("/dev/fd").iterdir()}


def failing_charts(part):
    raise ValueError("this font is damaged")


def test_charts_drawn_beside_are_those_drawn_here(servers):
    """To the last byte, whichever are asked for first; the server ends with the context."""
    history, report = history_of(NAMES), report_of(NAMES)
    with drawing_beside() as draw:
        of_history = draw(history_charts, history)
        of_evaluation = draw(evaluation_charts, report, report.predictions)

        assert dict(of_evaluation) == dict(evaluation_charts(report, report.predictions))
        assert dict(of_history) == dict(history_charts(history))
    (server,) = servers
    assert server.returncode == -signal.SIGKILL


def test_no_process_draws_on_after_the_context(servers, tmp_path, monkeypatch):
    """As after Ctrl-C: what the server had begun ends with it."""
    (tmp_path / "slow.py").write_text(SLOW_CHARTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    slow_charts = importlib.import_module("slow").slow_charts
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(fifo) as file:
        with drawing_beside() as draw:
            draw(slow_charts, str(tmp_path / "fifo"))
            begun, _, _ = select.select([fifo], [], [], HANGS)
            assert begun
        os.set_blocking(fifo, True)

        assert set(file) == {"begun\n"}  # it ends when no process can write any more


def test_charts_that_nobody_asks_for_leave_nothing_open(servers):
    """The evaluation may fail after they were begun."""
    before = open_files()
    with drawing_beside() as draw:
        charts = draw(history_charts, history_of(NAMES))
    assert open_files() == before
    assert len(dict(charts)) == len(dict(history_charts(history_of(NAMES))))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_a_killed_server_does_not_draw_is_drawn_here(servers, moment):
    """It takes memory, so the system may choose it when there is none."""
    history = history_of(NAMES)
    with drawing_beside() as draw:
        if moment == "after":
            servers[0].send_signal(signal.SIGSTOP)
            charts = draw(history_charts, history)
        servers[0].kill()
        servers[0].wait()
        if moment == "before":
            charts = draw(history_charts, history)

        assert dict(charts) == dict(history_charts(history))


def test_without_memory_for_another_process_charts_are_drawn_here(servers, monkeypatch):
    def start(*_, **__):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", start)
    with drawing_beside() as draw:
        assert draw is draw_here
    assert not servers


def test_an_error_in_a_chart_is_raised_in_this_process(servers):
    with drawing_beside() as draw, pytest.raises(ValueError, match="this font is damaged"):
        list(draw(failing_charts))
    assert len(servers) == 1


def test_within_another_program_nothing_is_started(monkeypatch):
    """It may have threads, and objects of its own to draw with."""
    monkeypatch.setattr(subprocess, "Popen", None)
    with drawing_beside() as draw:
        assert draw is draw_here


def test_a_server_ends_with_a_killed_command():
    """SIGKILL leaves the command no time to end it."""
    command = [sys.executable, "-c", DRAWS_AND_IS_KILLED]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL

    with suppress(ProcessLookupError):  # it has ended already
        server = os.pidfd_open(int(killed.stdout))
        ended, _, _ = select.select([server], [], [], HANGS)
        os.close(server)
        assert ended
