"""Give mtrain what strangers made, each in a process of its own, and say what came of it.

    python tests/sandbox.py < jobs.json > answers.json

A job is `{"working": FOLDER, "command": [...]}`, run there as `mtrain` would be, or instead of the
command has `"checkpoint": PATH, "shapes": {...}`, read as it is once TensorFlow is loaded. All that
is imported before TensorFlow is imported first; then a process is forked for each job, so that
neither its memory nor its time is another's. An answer has the exit status (or what killed the
process), both streams, seconds of CPU, bytes of memory more than before, and which files were
opened, which were changed and what was run, as Python's audit events tell.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from mtrain.cli.main import run
from mtrain.errors import MtrainError
from mtrain.run.checkpoint import read_checkpoint, read_checkpoint_arrays

CPU_SECONDS = 20
WALL_SECONDS = 200
"""Beyond this it waits for what never comes; `CPU_SECONDS` bounds what it computes."""
MEMORY = 2_000_000_000

OPENS = ("open", "os.listdir", "os.scandir")
CHANGES = (
    *("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime"),
)
RUNS = ("subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "socket.", "pickle.")
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    """Answer the jobs on stdin, in their order."""
    jobs = json.load(sys.stdin)
    for command in ("evaluate", "plot", "resume"):
        run([command, "nowhere"])  # imports the rest
    json.dump([answer(job) for job in jobs], sys.stdout)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """What a new process says to a job."""
    with (
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
        tempfile.TemporaryFile() as found,
    ):
        sys.stdout.flush()
        if (child := os.fork()) == 0:
            try:
                os.dup2(stdout.fileno(), 1)
                os.dup2(stderr.fileno(), 2)
                attempt(job, found)
            finally:
                os._exit(0)
        killed_by = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        streams = {"stdout": text_of(stdout), "stderr": text_of(stderr)}
        if killed_by:
            return {**streams, "status": f"killed by {signal.Signals(-killed_by).name}"}
        return {**streams, **json.loads(text_of(found))}


def attempt(job: dict[str, Any], found: BinaryIO) -> None:
    """Do the job within limits, and write what it took."""
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    signal.alarm(WALL_SECONDS)
    os.chdir(job["working"])
    events: list[tuple[str, tuple[Any, ...]]] = []
    sys.addaudithook(
        lambda event, arguments: (
            events.append((event, arguments))
            if event in OPENS or event in CHANGES or event.startswith(RUNS)
            else None
        )
    )
    memory, began = peak_memory(), time.process_time()
    try:
        status: int | str = do(job)
    except BaseException:  # noqa: BLE001 -- any at all would be a traceback on the user's terminal
        traceback.print_exc()
        status = "a traceback"
    seconds, memory = time.process_time() - began, peak_memory() - memory
    sys.stdout.flush()
    sys.stderr.flush()
    events = [*events]  # what follows is no event of the job
    facts = {
        "status": status,
        "seconds": seconds,
        "bytes": memory,
        "opened": [real(a[0]) for event, a in events if event in OPENS],
        "changed": [real(path) for event, a in events for path in changed(event, a)],
        "ran": [f"{event} {a}" for event, a in events if event.startswith(RUNS)],
    }
    found.write(json.dumps(facts).encode())
    found.flush()


def do(job: dict[str, Any]) -> int:
    """Exit status; messages go to stderr."""
    if "command" in job:
        return run(job["command"])
    path = Path(job["checkpoint"])
    shapes = {name: (kind, tuple(shape)) for name, (kind, shape) in job["shapes"].items()}
    try:
        read_checkpoint(path)
        read_checkpoint_arrays(path, shapes, "model/")
    except MtrainError as error:
        sys.stderr.writelines(f"mtrain: {line}\n" for line in str(error).splitlines())
        return error.exit_status
    return 0


def changed(event: str, arguments: tuple[Any, ...]) -> list[Any]:
    """The paths that an audited event changes."""
    if event == "open":
        return [arguments[0]] if arguments[2] & TO_WRITE else []
    if event in {"os.rename", "os.link", "os.symlink"}:
        return list(arguments[:2])
    return [arguments[0]] if event in CHANGES else []


def real(path: Any) -> str:
    """Where a path leads."""
    return os.path.realpath(os.fsdecode(path)) if isinstance(path, str | bytes) else str(path)


def peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def text_of(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="backslashreplace")


if __name__ == "__main__":
    main()
