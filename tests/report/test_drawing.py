"""Charts drawn in processes beside the command."""

from __future__ import annotations

import importlib
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import CONFIGS
from epochs_and_reports import history_of, names_of, report_of
from waiting import HANGS

import mtrain
from mtrain.report import drawing
from mtrain.report.charts import evaluation as charts_of_evaluation
from mtrain.report.charts import history as charts_of_history
from mtrain.report.drawing import draw_here, drawing_beside, evaluation_charts, history_charts

pytestmark = pytest.mark.renders

NAMES = names_of(3)

DRAWS_AND_IS_KILLED = """
import os, signal
from mtrain.loading import own_process
from mtrain.report import drawing

def start(*called, **options):
    server = original(*called, **options)
    print(server.pid, flush=True)
    return server

own_process()
original, drawing.start_beside = drawing.start_beside, start
with drawing.drawing_beside():
    os.kill(os.getpid(), signal.SIGKILL)
"""


SAYS_WHO_DRAWS = """
import os

def who_draws(part):
    yield __file__, str(os.getpid()).encode()
"""

ASKS_WHO_DRAWS = """
import os
from mtrain.loading import own_process
from mtrain.report.drawing import drawing_beside
from mtrain.report.who import who_draws

own_process()
with drawing_beside() as draw:
    for path, process in draw(who_draws):
        print("here" if process == str(os.getpid()).encode() else "beside", path)
"""

FITS_WITHOUT_DRAWING = """
from mtrain.cli.main import main
from mtrain.report.charts import evaluation, history

history.history_charts = evaluation.evaluation_charts = None
main()
"""


@pytest.fixture
def servers(monkeypatch):
    """The processes that draw, started as in a process of mtrain's own."""
    started, original = [], drawing.start_beside

    def start(*called, **options):
        started.append(original(*called, **options))
        return started[-1]

    monkeypatch.setattr(drawing, "owns_process", lambda: True)
    monkeypatch.setattr(drawing, "start_beside", start)
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


def test_charts_drawn_beside_are_those_drawn_here(servers, monkeypatch):
    """To the last byte, whichever are asked for first; the server ends with the context."""
    history, report = history_of(NAMES), report_of(NAMES)
    history_here = dict(history_charts(history, ()))
    evaluation_here = dict(evaluation_charts(report, report.predictions))
    monkeypatch.setattr(charts_of_history, "history_charts", None)  # this process can draw no more
    monkeypatch.setattr(charts_of_evaluation, "evaluation_charts", None)
    with drawing_beside() as draw:
        of_history = draw(history_charts, history, ())
        of_evaluation = draw(evaluation_charts, report, report.predictions)

        assert dict(of_evaluation) == evaluation_here
        assert dict(of_history) == history_here
    (server,) = servers
    assert server.returncode == -signal.SIGKILL


def test_fit_has_its_charts_drawn_beside(tmp_path):
    """Its own process cannot draw any."""
    options = ["training.epochs=1", "training.compile=graph", "--quiet", "--out", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, "-c", FITS_WITHOUT_DRAWING, "fit", CONFIGS / "smoke.yaml", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "run/charts").glob("*.png"))
    assert list((tmp_path / "run/evaluation/test").glob("*.png"))


def test_a_second_checkout_has_its_charts_drawn_by_its_own_package(tmp_path):
    """`python -m mtrain` in its folder takes it from there, and nothing else that lies there."""
    package = Path(mtrain.__file__).parent
    shutil.copytree(package, tmp_path / "mtrain", ignore=shutil.ignore_patterns("__pycache__"))
    who = tmp_path / "mtrain/report/who.py"
    who.write_text(SAYS_WHO_DRAWS)
    (tmp_path / "matplotlib.py").write_text("raise SystemExit")
    done = subprocess.run(
        [sys.executable, "-c", ASKS_WHO_DRAWS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=HANGS,
    )
    assert set(done.stdout.splitlines()) == {f"beside {who}"}


def test_much_content_is_drawn_here(servers, monkeypatch):
    """To give it to another process would take longer."""
    report = report_of(NAMES)
    monkeypatch.setattr(drawing, "LARGEST_CONTENT", report.predictions.probabilities.nbytes - 1)
    monkeypatch.setattr(drawing, "_asked", None)
    with drawing_beside() as draw:
        charts = dict(draw(evaluation_charts, report, report.predictions))
    assert charts == dict(evaluation_charts(report, report.predictions))
    assert len(servers) == 1


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
        charts = draw(history_charts, history_of(NAMES), ())
    assert open_files() == before
    assert len(dict(charts)) == len(dict(history_charts(history_of(NAMES), ())))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_a_killed_server_does_not_draw_is_drawn_here(servers, moment):
    """It takes memory, so the system may choose it when there is none."""
    history = history_of(NAMES)
    with drawing_beside() as draw:
        if moment == "after":
            servers[0].send_signal(signal.SIGSTOP)
            charts = draw(history_charts, history, ())
        servers[0].kill()
        servers[0].wait()
        if moment == "before":
            charts = draw(history_charts, history, ())

        assert dict(charts) == dict(history_charts(history, ()))


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
