"""Rivals in training, in processes beside this one."""

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
    from collections.abc import Callable, Iterator, Sequence
    from subprocess import Popen

    from mtrain.rivals.task import RivalTask

SHARE = 0.5
"""How long a training waits for its rivals, as a share of its own time."""

LEAST_SECONDS = 20.0
"""That it waits in any case."""

LOOKING_SECONDS = 0.1

STOPPED = "the training was stopped"


class RivalTraining:
    """The rivals of some tasks, one task after the other, each in a process of its own."""

    def __init__(self, tasks: Sequence[RivalTask], *, at_once: bool) -> None:
        self._tasks: list[RivalTask | None] = list(tasks)
        self._names = [task.names for task in tasks]
        self._results: list[list[TrainedRival]] = [[] for _ in tasks]
        self._is_done = [threading.Event() for _ in tasks]
        self._began = time.monotonic()
        self._lock = threading.Lock()  # around all that follows
        self._waiting: list[int] = []
        self._running: int | None = None
        self._process: Popen[bytes] | None = None
        self._why: str | None = None
        """Why the running task is ended before it is done."""

        self._is_stopped = False
        self._thread: threading.Thread | None = None
        for place in range(len(tasks)) if at_once else ():
            self._ask(place)

    def is_done(self, place: int = 0) -> bool:
        """Whether nobody would have to wait for the results of this task."""
        return self._is_done[place].is_set()

    def results(
        self,
        place: int = 0,
        *,
        seconds_before: float = 0.0,
        check: Callable[[], None] = lambda: None,
        is_limited: bool = True,
    ) -> list[TrainedRival]:
        """Those of the task at this place, in its order, as often as they are asked for.

        If it `is_limited`, this waits no longer than a training is worth that has taken `seconds_before` this
        process, and then goes on without those that are not done. `check` is called again and again
        meanwhile, and may raise.
        """
        asked = time.monotonic()
        so_far = asked - self._began + seconds_before
        limit = max(LEAST_SECONDS, SHARE * so_far) if is_limited else float("inf")
        self._ask(place, is_first=True)
        while not self._is_done[place].wait(LOOKING_SECONDS):
            check()
            if time.monotonic() - asked > limit:
                self._leave(place, f"not done {limit:.0f} s after the network was trained")
        return self._results[place]

    def stop(self) -> None:
        """End what is computed, and begin nothing more."""
        with self._lock:
            self._is_stopped = True
            waiting, self._waiting = self._waiting, []
            self._why = STOPPED
            self._kill()
        for place in waiting:
            self._end(place, STOPPED)
        if (thread := self._thread) is not None:
            thread.join()

    def left(self) -> list[int]:
        """The tasks that have not begun."""
        return [place for place, task in enumerate(self._tasks) if task is not None]

    def _ask(self, place: int, *, is_first: bool = False) -> None:
        """Have a task done, before those that wait if it `is_first`."""
        with self._lock:
            if self._is_done[place].is_set() or place == self._running:
                return
            if self._is_stopped:
                self._end(place, STOPPED)
                return
            if place in self._waiting:
                self._waiting.remove(place)
            self._waiting.insert(0 if is_first else len(self._waiting), place)
            if self._thread is None:
                self._thread = threading.Thread(target=self._train, daemon=True)
                self._thread.start()

    def _leave(self, place: int, why: str) -> None:
        """Go on without a task: it is not begun, or its process is ended."""
        with self._lock:
            if place == self._running:
                self._why = why
                self._kill()
            elif place in self._waiting:
                self._waiting.remove(place)
                self._end(place, why)

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):  # as of one that has just ended
                os.killpg(process.pid, signal.SIGKILL)

    def _train(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = self._thread = None
                    return
                place = self._running = self._waiting.pop(0)
                self._why = None
            why = ""
            try:
                why = self._train_one(place)
            except Exception as error:  # noqa: BLE001 -- nothing that a rival does ends a training
                why = f"{type(error).__name__}: {error}"
            finally:
                self._end(place, why)

    def _train_one(self, place: int) -> str:
        """Send a task to a new process, and take its results; returns why there are no more of them."""
        with start_beside("mtrain.rivals.server", "serve", stdin=PIPE, stdout=PIPE) as process:
            with self._lock:
                self._process = process
                if self._why is not None:  # it was stopped meanwhile
                    self._kill()
            try:
                self._exchange(place, process)
            except (OSError, EOFError, pickle.UnpicklingError):
                pass  # it has ended, as its status tells
            except Exception:
                self._kill()  # or it would be waited for
                raise
            finally:
                if process.stdin is not None:
                    with suppress(OSError):  # what a process that has ended did not read
                        process.stdin.close()
            status = process.wait()
        if self._why is not None:
            return self._why
        ended = f"with status {status}"
        if status < 0:
            ended = f"by {signal.Signals(-status).name}, as where memory is short"
        return f"its process was ended {ended}"

    def _exchange(self, place: int, process: Popen[bytes]) -> None:
        to, of = process.stdin, process.stdout
        if to is None or of is None:
            return
        pickle.dump(self._tasks[place], to, protocol=5)
        to.flush()
        self._tasks[place] = None  # so that its arrays need not stay
        while len(self._results[place]) < len(self._names[place]):
            self._results[place].append(pickle.load(of))  # noqa: S301 -- a process started here

    def _end(self, place: int, why: str) -> None:
        seconds = time.monotonic() - self._began
        results = self._results[place]
        missing = self._names[place][len(results) :]
        results += [TrainedRival(name, seconds, problem=why, was_cut=True) for name in missing]
        self._is_done[place].set()


@contextmanager
def rivals_beside(
    tasks: Sequence[RivalTask], *, at_once: bool = True
) -> Iterator[RivalTraining | None]:
    """Train the rivals of these tasks beside this process while the context lasts; None without tasks.

    If not `at_once`, they begin when somebody asks for one.
    """
    if not tasks:
        yield None
        return
    training = RivalTraining(tasks, at_once=at_once)
    del tasks
    try:
        yield training
    finally:
        training.stop()
