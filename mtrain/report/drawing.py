"""Charts as files, drawn in this process or in processes beside it."""

from __future__ import annotations

import os
import pickle
import signal
import socket
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from mtrain.beside import start_beside
from mtrain.loading import owns_process
from mtrain.records.training import Predictions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mtrain.metrics.history import History
    from mtrain.metrics.learning import ClassLearning
    from mtrain.records.report import Report

    ChartFiles = Iterator[tuple[str, bytes]]
    """Name and content of each."""

LARGEST_CONTENT = 50_000_000
"""Bytes of probabilities: to give more to another process takes longer than it saves."""

PROCESSES = 2
"""That draw a set of charts together."""


class Draw(Protocol):
    """Draws `charts` of `content`: `history_charts` or `evaluation_charts`, and their arguments but `part`."""

    def __call__(self, charts: Callable[..., ChartFiles], *content: Any) -> ChartFiles:
        """Each file as it is asked for."""
        ...


def history_charts(
    history: History,
    learning: Sequence[ClassLearning],
    file_format: str = "png",
    part: slice = slice(None),
) -> ChartFiles:
    """Learning curves, and precision, recall and learning by class; `part` of them."""
    from mtrain.report.charts import history as charts

    return charts.history_charts(history, learning, file_format, part)


def evaluation_charts(
    report: Report,
    predictions: Predictions,
    images: Sequence[NDArray[np.uint8]] = (),
    part: slice = slice(None),
) -> ChartFiles:
    """Precision and recall bars, confusion matrix, ROC and PR curves, `images`; `part` of them."""
    from mtrain.report.charts import evaluation as charts

    return charts.evaluation_charts(report, predictions, images, part=part)


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
            server = start_beside("mtrain.report.charts.server", "serve", stdin=received.fileno())
        except OSError:  # there is no memory for it
            yield draw_here
            return
        received.close()  # so that the server's end is noticed
        try:
            with ExitStack() as answers:
                yield partial(_draw_beside, requests, answers)
        finally:
            # The group: its children would draw on. On macOS there is no permission for one that has ended.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _draw_beside(
    requests: socket.socket, answers: ExitStack, charts: Callable[..., ChartFiles], *content: Any
) -> ChartFiles:
    """Have the charts drawn; they are awaited when they are asked for, while `answers` is open.

    Those of much content are drawn in this process.
    """
    predictions = (one for one in content if isinstance(one, Predictions))
    if sum(one.probabilities.nbytes for one in predictions) > LARGEST_CONTENT:
        return draw_here(charts, *content)
    parts = [
        partial(charts, *content, part=slice(start, None, PROCESSES)) for start in range(PROCESSES)
    ]
    return _awaited([_asked(requests, answers, part) for part in parts], parts)


def _asked(
    requests: socket.socket, answers: ExitStack, draw: Callable[[], ChartFiles]
) -> socket.socket:
    """Where the answer comes; of a server that was killed, where it ends at once."""
    here, there = socket.socketpair()
    answers.enter_context(here)
    with there, suppress(OSError):
        socket.send_fds(requests, [b"\n"], [there.fileno()])
        there.close()  # the server has its own, with whose end the answer ends
        here.sendall(pickle.dumps(draw))
        here.shutdown(socket.SHUT_WR)
    return here


def _awaited(
    answers: Sequence[socket.socket], parts: Sequence[Callable[[], ChartFiles]]
) -> ChartFiles:
    for answer, draw in zip(answers, parts, strict=True):
        try:
            with answer.makefile("rb") as file:
                files = pickle.load(file)  # noqa: S301 -- by a process started here
        except (OSError, EOFError, pickle.UnpicklingError):
            files = draw()  # if it fails here, too, its error is raised
        yield from files
