"""Rivals in training beside this process."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from contextlib import contextmanager, suppress
from subprocess import PIPE
from typing import TYPE_CHECKING

from mtrain.beside import start_beside
from mtrain.records.rivals import TrainedRival

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from subprocess import Popen

    from mtrain.rivals.task import RivalTask

SHARE = 0.5
"""How long a training waits for its rivals, as a share of the time that they have had so far."""

LEAST_SECONDS = 10.0
"""That it waits in any case."""


class RivalTraining:
    """The rivals of some tasks, trained one after the other in a process beside this one."""

    def __init__(self, tasks: Sequence[RivalTask], process: Popen[bytes]) -> None:
        self._names = [task.names for task in tasks]
        self._results: list[list[TrainedRival]] = [[] for _ in tasks]
        self._is_done = [threading.Event() for _ in tasks]
        self._process = process
        self._began = time.monotonic()
        # From a list of its own each task is taken once it is sent: the arrays need not stay.
        self._thread = threading.Thread(target=self._exchange, args=(list(tasks),), daemon=True)
        self._thread.start()

    def results(self, place: int = 0, *, is_limited: bool = True) -> list[TrainedRival]:
        """Those of the task at this place, in its order.

        If it `is_limited`, this waits no longer than a training is worth, and then stops all that is not
        done.
        """
        so_far = time.monotonic() - self._began
        limit = max(LEAST_SECONDS, SHARE * so_far) if is_limited else None
        if not self._is_done[place].wait(limit):
            self.stop()
        return self._results[place]

    def stop(self) -> None:
        """End the process, and what it computes."""
        with suppress(ProcessLookupError, PermissionError):  # as of one that has ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._thread.join()

    def _exchange(self, tasks: list[RivalTask]) -> None:
        """Send each task, and read the results as they come."""
        to, of = self._process.stdin, self._process.stdout
        if to is None or of is None:
            return
        for results, names, is_done in zip(self._results, self._names, self._is_done, strict=True):
            with suppress(OSError, EOFError, pickle.UnpicklingError):  # the process has ended
                pickle.dump(tasks.pop(0), to, protocol=5)
                to.flush()
                while len(results) < len(names):
                    results.append(pickle.load(of))  # noqa: S301 -- by a process started here
            seconds = time.monotonic() - self._began
            missing = names[len(results) :]
            problem = f"not done after {seconds:.0f} s, when its training was stopped"
            results += [TrainedRival(name, seconds, problem=problem) for name in missing]
            is_done.set()


@contextmanager
def rivals_beside(tasks: Sequence[RivalTask]) -> Iterator[RivalTraining | None]:
    """Train the rivals of these tasks in a process beside this one, which ends with the context.

    None: there are none, or no room for that process.
    """
    if not tasks:
        yield None
        return
    try:
        process = start_beside("mtrain.rivals.server", "serve", stdin=PIPE, stdout=PIPE)
    except OSError:
        yield None
        return
    with process:
        training = RivalTraining(tasks, process)
        del tasks
        try:
            yield training
        finally:
            training.stop()
