"""Draw a history's charts; needs neither TensorFlow nor the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.learning import class_learning
from mtrain.report.drawing import history_charts
from mtrain.run.directory import RunDirectory, refuse_sweep
from mtrain.run.files import attributing_errors, read_bytes, write_bytes
from mtrain.run.history import read_history
from mtrain.run.suspects import count_suspects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from mtrain.metrics.history import History

FORMATS = ("png", "svg", "pdf")

LARGEST_CHART = 100_000_000
"""Bytes."""

CHARTS = ("learning_curves", "precision_by_class", "recall_by_class", "learning_by_class")


def plot(
    path: Path, out: Path | None = None, file_format: str = "png"
) -> tuple[list[Path], tuple[str, ...]]:
    """Draw the charts of a run directory or a `history.json`; returns the files written, and notes.

    They go to `out`, by default `charts` beside the history. Raises `MtrainError` if it is not a
    history, `UsageError` for a format other than png, svg or pdf, and for an `out` that is not a
    folder.
    """
    if file_format not in FORMATS:
        raise UsageError(
            f"must be {', '.join(FORMATS)}, got {file_format!r}", where=option("format")
        )
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file; charts are put into a folder", where=option("out"))
    refuse_sweep(path)
    run = RunDirectory(path if path.is_dir() else path.parent)
    run.refuse_links()
    run.refuse_ensemble("its members have curves; `mtrain report` shows what it has itself")
    history = _read(path)  # before matplotlib: a wrong path fails at once
    if not history.epoch:
        raise MtrainError("holds no epoch yet, there is nothing to draw", where=path)
    if out is not None:
        _check_replaceable(out, file_format)
    notes, never = [], None
    try:
        never = count_suspects(run.suspects, history.classes)
    except MtrainError as error:  # the history alone has all else
        notes.append(f"The rows that were never learned are not counted ({error}).")
    charts = history_charts(history, class_learning(history, never), file_format)
    files = write_charts(charts, out or run.charts)

    from mtrain.report.fonts import missing_letters

    if (missing := missing_letters((history.run, *history.classes))) is not None:
        notes.append(missing)
    return files, tuple(notes)


def _check_replaceable(folder: Path, file_format: str) -> None:
    """Raise `UsageError` if a chart would replace a file of its name that matplotlib did not draw."""
    for name in CHARTS:
        path = folder / f"{name}.{file_format}"
        if path.is_file() and b"atplotlib" not in read_bytes(path, LARGEST_CHART):
            raise UsageError(
                f"{path} exists and is not a chart",
                where=option("out"),
                remedy="name another folder",
            )


def _read(path: Path) -> History:
    try:
        return read_history(path)
    except MtrainError as error:
        if not path.is_file() or path.suffix.lower() == ".json":
            raise
        problem = "not a history; name the folder of a run, or the history.json in it"
        raise MtrainError(problem, where=path) from error


def write_charts(charts: Iterable[tuple[str, bytes]], folder: Path) -> list[Path]:
    """Write charts, as file name and content, into `folder`; returns the files."""
    with attributing_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, content in charts:
        write_bytes(folder / name, content)
        files.append(folder / name)
    return files
