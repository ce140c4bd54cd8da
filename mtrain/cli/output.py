"""Results on stdout, and what else there is to say on stderr."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mtrain.errors import MtrainError
from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records.gate import Gate
    from mtrain.records.report import Report
    from mtrain.run.directory import RunDirectory


@contextmanager
def open_stdout() -> Iterator[TextIO]:
    """Standard output for results; a reader that closed it, as `head` does, ends the output."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        gone = error.errno == errno.EIO  # the terminal is
        if not (gone or isinstance(error, BrokenPipeError)):
            if error.filename is not None:
                raise  # it is about a file that was read or written meanwhile
            raise MtrainError(f"standard output: {error.strerror or error}") from error
        # What is still buffered goes nowhere, or the interpreter would complain as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(line: str) -> None:
    """Print a line on stderr; names in it may come from data, and are made harmless."""
    print(inert(line), file=sys.stderr)


def print_evaluation(
    report: Report, folder: Path | None, stdout: TextIO, run: RunDirectory | None = None
) -> None:
    """Print every class with its intervals, the findings, and which files of `folder` to open.

    Of a `run` that was trained, the list of suspects is one of them.
    """
    from mtrain.report.console.results import print_files, print_report

    print_report(report, stdout)
    if report.by is not None:
        from mtrain.report.console.slices import print_slices

        print_slices(report.by, stdout)
    if folder is not None:
        print_files(report, folder, stdout, list(_suspects(report, folder, run)))


def _suspects(
    report: Report, folder: Path, run: RunDirectory | None
) -> Iterator[tuple[Path, str, int]]:
    """The lists of suspects that have a row, of which split they are, and how many rows they have."""
    from mtrain.run.directory import SUSPECTS
    from mtrain.run.suspects import read_suspect_rows

    trained = [] if run is None else [(run.suspects, "train")]
    for path, split in (*trained, (folder / SUSPECTS, report.split)):
        if path.is_file() and (n := len(read_suspect_rows(path))):
            yield path, split, n


def print_gate(gate: Gate, stdout: TextIO) -> None:
    """Print each rule with its outcome, the worst first."""
    from mtrain.report.console import gate as console

    console.print_gate(gate, stdout)


def tell_github(gate: Gate, stream: TextIO) -> None:
    """In a job of GitHub Actions, add a table to its summary, and print one annotation to `stream`."""
    from mtrain.report.ci import github_annotation, github_summary
    from mtrain.run.files import attributing_errors

    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        path = Path(summary)
        try:
            with attributing_errors(path), path.open("a", encoding="utf-8") as file:
                file.write(github_summary(gate))
        except MtrainError as error:  # the gate's own status matters more
            say(f"GITHUB_STEP_SUMMARY: {error}; the job's summary lacks the gate")
    if (annotation := github_annotation(gate)) is not None:
        print(annotation, file=stream, flush=True)


def print_json(data: Any, stdout: TextIO) -> None:
    """One document, with line ends."""
    from mtrain.run.files import json_text

    stdout.write(json_text(data))
