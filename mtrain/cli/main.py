"""The entry point, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mtrain.cli.commands import app
from mtrain.cli.hints import setting_hint
from mtrain.cli.output import open_stdout
from mtrain.errors import MtrainError, UsageError
from mtrain.text import inert

if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """Run the command line and exit with its status."""
    # The objects of TensorFlow's modules live as long as the process; with Python's own threshold
    # they are searched for garbage again and again, a good part of the time of the import.
    gc.set_threshold(100_000)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before Python started
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 -- as long as the process
    for stream in (sys.stdout, sys.stderr):
        # A class name that the terminal's encoding lacks is escaped, and stops nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status = run(sys.argv[1:])
    with suppress(OSError):  # nobody is left to be told
        sys.stderr.flush()
    # Everything is written, and locks are given back: to take TensorFlow's modules apart, as Python
    # would now, takes long and changes nothing.
    os._exit(status)


def run(arguments: list[str]) -> int:
    """Run one command in this process; returns its exit status, and prints what is wrong."""
    debug = "--debug" in arguments  # anywhere, whatever the command
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        status = app(arguments, prog_name="mtrain", standalone_mode=False) or 0
        with open_stdout():  # flushed, where a full disk can still be told
            return status
    except (MtrainError, typer.TyperException, OSError) as error:
        if debug:
            raise
        return _complain(error, arguments)
    except (KeyboardInterrupt, typer.Abort):  # the latter at a question
        return 130


def _complain(error: MtrainError | typer.TyperException | OSError, arguments: Sequence[str]) -> int:
    if isinstance(error, typer.TyperException):
        problems, status = _usage(error, arguments), UsageError.exit_status
    elif isinstance(error, OSError):
        # A path too long or not to be entered, wherever it was first looked at.
        problems, status = (
            f"{error.filename or 'standard output'}: {error.strerror}",
            MtrainError.exit_status,
        )
    else:
        problems, status = str(error), error.exit_status
    for problem in problems.strip("\n").split("\n"):  # not at U+2028, which a name may have
        print(f"mtrain: {inert(problem)}", file=sys.stderr)
    return status


def _usage(error: typer.TyperException, arguments: Sequence[str]) -> str:
    # Typer passes pydantic's prefix on.
    message = error.format_message().replace("Value error, ", "")
    option = str(getattr(error, "option_name", ""))
    if message.startswith("No such option") and (hint := setting_hint(option, arguments)):
        message = f"No such option: {option}{hint}"
    return f"command line: {message}"
