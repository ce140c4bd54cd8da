"""The entry point: an error becomes a message and an exit status."""

from __future__ import annotations

import atexit
import io
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mtrain.cli.commands import app, command_names
from mtrain.cli.mistakes import explain
from mtrain.cli.output import open_stdout, say
from mtrain.errors import MtrainError, UsageError
from mtrain.loading import own_process

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run the command line and exit with its status."""
    own_process()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before Python started
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 -- as long as the process
    for stream in (sys.stdout, sys.stderr):
        # A class name that the terminal's encoding lacks is escaped, and stops nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = run(sys.argv[1:])
    with suppress(OSError):  # no reader is left
        sys.stderr.flush()
    # What libraries have in temporary folders, as matplotlib, W&B and TensorFlow do, is removed here.
    atexit._run_exitfuncs()  # noqa: SLF001 -- `os._exit` leaves them out
    # Everything is written, and locks are given back: to take TensorFlow's modules apart, as Python
    # would now, takes long and changes nothing.
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Run one command in this process; returns its exit status, and prints problems."""
    debug = "--debug" in arguments  # anywhere, whatever the command
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        status = app(arguments, prog_name="mtrain", standalone_mode=False) or 0
        with open_stdout():  # flushed, where a full disk can still be told
            return status
    except (MtrainError, typer.TyperException, OSError, ImportError, MemoryError) as error:
        if debug:
            traceback.print_exc()
        return _complain(error, arguments)
    except (KeyboardInterrupt, typer.Abort):  # the latter at a question
        return 130
    except SystemExit as done:  # Typer's, after what completes commands in a shell
        with open_stdout():
            return int(done.code or 0)


def _complain(error: Exception, arguments: Sequence[str]) -> int:
    status = MtrainError.exit_status
    if isinstance(error, typer.TyperException):
        problems = explain(error, command_names(), arguments)
        status = UsageError.exit_status
    elif isinstance(error, MtrainError):
        problems, status = str(error), error.exit_status
    elif isinstance(error, OSError):
        # A path too long or not to be entered, wherever it was first looked at.
        where = "" if error.filename is None else f"{error.filename}: "
        problems = f"{where}{error.strerror or str(error) or type(error).__name__}"
    elif isinstance(error, ImportError):
        # Installed, for pip saw to that, and yet not to be loaded: a memory limit, a broken file.
        problems = f"a library cannot be loaded: {error}".replace("\n", " ")
    else:
        problems = "out of memory"
    for problem in problems.strip("\n").split("\n"):  # not at U+2028, which a name may have
        say(f"mtrain: {problem}")
    return status
