"""The entry point, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import io
import os
import sys

import typer

from mtrain.cli.commands import app
from mtrain.errors import MtrainError

USAGE = 2


def main() -> None:
    """Run the command line and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        # A class name that the terminal's encoding lacks is escaped, and stops nothing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output, `head` perhaps, has had enough. What is still buffered goes
        # nowhere, or the interpreter would complain as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command in this process; returns its exit status, and prints what is wrong."""
    debug = "--debug" in arguments  # anywhere, whatever the command
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        return app(arguments, prog_name="mtrain", standalone_mode=False) or 0
    except MtrainError as error:
        if debug:
            raise
        return _complain(str(error), error.exit_status)
    except typer.TyperException as error:
        return _complain(f"command line: {error.format_message()}", USAGE)
    except KeyboardInterrupt:
        return 130


def _complain(problems: str, status: int) -> int:
    for problem in problems.splitlines():
        print(f"mtrain: {problem}", file=sys.stderr)
    return status
