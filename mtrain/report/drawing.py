"""Charts as files, drawn in this process or in processes beside it."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from mtrain.loading import owns_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mtrain.metrics.history import History
    from mtrain.records.report import Report
    from mtrain.records.training import Predictions

    ChartFiles = Iterator[tuple[str, bytes]]
    """Name and content of each."""

LARGEST_CONTENT = 50_000_000
"""Bytes of probabilities: to give more to another process takes longer than it saves."""


class Draw(Protocol):
    """Draws `charts` of `content`: `history_charts` or `evaluation_charts`, and their arguments."""

    def __call__(self, charts: Callable[..., ChartFiles], *content: Any) -> ChartFiles:
        """Each file as it is asked for."""
        ...


def history_charts(history: History, file_format: str = "png") -> ChartFiles:
    """Learning curves, and precision and recall by class."""
    from mtrain.report.charts import history as charts

    return charts.history_charts(history, file_format)


def evaluation_charts(report: Report, predictions: Predictions) -> ChartFiles:
    """Precision and recall bars, confusion matrix, ROC and PR curves."""
    from mtrain.report.charts import evaluation as charts

    return charts.evaluation_charts(report, predictions)


def draw_here(charts: Callable[..., ChartFiles], *content: Any) -> ChartFiles:
    """Draw in this process, each chart when it is asked for."""
    return charts(*content)


@contextmanager
def drawing_beside() -> Iterator[Draw]:
    """A `Draw` that draws at once, in processes beside this one, which load matplotlib meanwhile.

    What they cannot draw is drawn in this process. They end with the context, or with this process
    however it ends. In a process that is not mtrain's own there are none: it draws here.
    """
    if not owns_process():
        yield draw_here
        return
    requests, received = socket.socketpair()
    with requests, received:
        try:
            server = _start_server(received)
        except OSError:  # there is no memory for it
            yield draw_here
            return
        received.close()  # so that the server's end is noticed
        try:
            yield partial(_draw_beside, requests)
        finally:
            server.kill()
            server.wait()


def _start_server(received: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        # -P: no module of the current folder is taken for one of theirs.
        [sys.executable, "-P", "-m", "mtrain.report.charts.server"],
        stdin=received.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        process_group=0,  # Ctrl-C is for this process
    )


def _draw_beside(
    requests: socket.socket, charts: Callable[..., ChartFiles], *content: Any
) -> ChartFiles:
    """Have the charts drawn; they are awaited when the first is asked for."""
    asked, answering = socket.socketpair()
    try:
        with answering:
            socket.send_fds(requests, [b"\n"], [answering.fileno()])
        asked.sendall(pickle.dumps((charts, content)))
        asked.shutdown(socket.SHUT_WR)
    except OSError:  # the server was killed
        asked.close()
        return charts(*content)
    return _awaited(asked, charts, content)


def _awaited(
    asked: socket.socket, charts: Callable[..., ChartFiles], content: tuple[Any, ...]
) -> ChartFiles:
    with asked, asked.makefile("rb") as answer:
        try:
            files = pickle.load(answer)  # noqa: S301 -- by a process started here
        except (OSError, EOFError, pickle.UnpicklingError):
            files = charts(*content)  # if it fails here, too, its error is raised
    yield from files
