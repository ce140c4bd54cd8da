"""Waiting for another process: the wait ends when the process does, and kills it if it hangs."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

HANGS = 600.0
"""Seconds after which a process hangs, however busy the machine is; no test measures speed by it."""


@contextmanager
def killed_if_it_hangs(pid: int) -> Iterator[None]:
    """Within it, the child `pid` is waited for; if it hangs, it is killed, and the wait ends."""

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(HANGS, kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def watched(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Within it, `process` is waited for; after it, the process has ended and its pipes are closed."""
    with process, killed_if_it_hangs(process.pid):
        try:
            yield
        finally:
            process.kill()  # does nothing to a process that has been waited for


def wait_until(happened: Callable[[], bool], process: subprocess.Popen[Any]) -> bool:
    """Whether something happened before the process ended; called within `watched`."""
    while not happened():
        if process.poll() is not None:
            return happened()
        time.sleep(0.01)
    return True


def cpu_of_children() -> float:
    """Seconds of CPU of all child processes that have ended and been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_of(pid: int) -> float:
    """Seconds of CPU of a running process so far; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
