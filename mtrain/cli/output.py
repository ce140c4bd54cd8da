"""Results on stdout."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.metrics.report import Report


@contextmanager
def open_stdout() -> Iterator[TextIO]:
    """Standard output for results; whoever closed it, as `head` does, or left has had enough."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        gone = error.errno == errno.EIO  # the terminal is
        if not (gone or isinstance(error, BrokenPipeError)):
            raise
        # What is still buffered goes nowhere, or the interpreter would complain as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_evaluation(report: Report, folder: Path, stdout: TextIO) -> None:
    """Every class with its intervals, what to make of it, and which files of `folder` to open."""
    from mtrain.report.results import print_files, print_report

    print_report(report, stdout)
    print_files(report, folder, stdout)


def print_json(data: Any, stdout: TextIO) -> None:
    """One document, with line ends."""
    from mtrain.run.files import json_text

    stdout.write(json_text(data))
