"""Trainings side by side, each in a thread."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

Task = TypeVar("Task")


class Waiting(Generic[Task]):
    """Tasks that wait; a thread gets others of the kind it has done first, for which all is compiled."""

    def __init__(self, tasks: Iterable[Task], kind: Callable[[Task], Hashable]) -> None:
        self._tasks = [(task, kind(task)) for task in tasks]
        self._begun: set[Hashable] = set()
        self._lock = threading.Lock()

    def take(self, last: Hashable) -> tuple[Task, Hashable] | None:
        """A task of the kind `last`, or of one that no thread has begun, or any; None: none is left."""
        with self._lock:
            kinds = [kind for _, kind in self._tasks]
            if not kinds:
                return None
            new = (kind for kind in kinds if kind not in self._begun)
            kind = last if last in kinds else next(new, kinds[0])
            self._begun.add(kind)
            return self._tasks.pop(kinds.index(kind))


def run_side_by_side(
    tasks: Iterable[Task],
    jobs: int,
    kind: Callable[[Task], Hashable],
    work: Callable[[Task], None],
    is_stopped: Callable[[], bool],
) -> None:
    """Do all tasks in `jobs` threads, until `is_stopped`.

    TensorFlow lets the interpreter go while it computes. Raises the first error that a worker raises,
    once the others are done with their tasks.
    """
    waiting = Waiting(tasks, kind)
    errors: list[BaseException] = []

    def worker() -> None:
        try:
            last = None
            while not (errors or is_stopped()) and (taken := waiting.take(last)) is not None:
                task, last = taken
                work(task)
        except BaseException as error:  # noqa: BLE001 -- raised in the thread that waits
            errors.append(error)

    threads = [
        # Daemons, so that a second Ctrl-C ends the process at once.
        threading.Thread(target=contextvars.copy_context().run, args=(worker,), daemon=True)
        for _ in range(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
