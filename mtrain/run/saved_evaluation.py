"""Evaluations that are in a run already, found, checked and matched: no model is needed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.records.evaluation import SavedEvaluation
from mtrain.run.directory import RunDirectory, refuse_link
from mtrain.run.find_checkpoint import default_checkpoint
from mtrain.run.metrics import METRICS, read_report
from mtrain.run.predictions import PREDICTIONS, read_labels
from mtrain.run.sweep import RESULT, best_of_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.records.report import Report


def read_saved_evaluation(
    path: Path, split: str | None = None, *, needs_predictions: bool = True
) -> SavedEvaluation:
    """The evaluation on `split` of the run at `path`, or the one in the folder `path`.

    Of a sweep, that of its best setting.

    Without `split`, a run's evaluation on test, or a folder's on any split. Raises `MtrainError` if
    it is missing, if another checkpoint is the run's best by now, if it was changed, or if its
    predictions were not kept though it `needs_predictions`; `UsageError` for a folder of another
    split.
    """
    if (path / RESULT).is_file():
        path = best_of_sweep(path)
    is_folder = (path / METRICS).is_file()
    folder = path if is_folder else _of_run(path, split or "test")
    for name in (METRICS, PREDICTIONS):
        refuse_link(folder / name)
    report = read_report(folder)
    _check_counts(report, folder)
    if is_folder and split not in {None, report.split}:
        raise UsageError(f"{path} is of the {report.split} split", where=option("split"))
    if not is_folder and report.split != folder.name:
        raise _changed(folder, f"its split is {report.split!r:.40}")
    current = None if is_folder else default_checkpoint(RunDirectory(path))
    if current not in {None, report.checkpoint}:
        raise MtrainError(
            f"is an evaluation of {report.checkpoint}, and the run's checkpoint is now {current}",
            where=folder,
            remedy=_evaluating(path, report.split),
        )
    is_kept = (folder / PREDICTIONS).exists()
    if needs_predictions and not is_kept:
        raise MtrainError(
            f"has no {PREDICTIONS}",
            where=folder,
            remedy=(
                f"{_evaluating(path, report.split)}, unless the run has evaluation.predictions=false"
            ),
        )
    if not is_kept:
        nothing = np.zeros(0, np.int64)
        return SavedEvaluation(str(path), folder, report, nothing, nothing, nothing)
    labels, predicted, rows, groups = read_labels(report, folder)
    counted = confusion_matrix(labels, predicted, len(report.classes))
    if not np.array_equal(counted, report.confusion_matrix):
        raise _changed(folder, f"the counts of {PREDICTIONS} are not those of {METRICS}")
    if groups is not None and len(np.unique(groups)) != report.groups:
        raise _changed(folder, f"the groups of {PREDICTIONS} are not those of {METRICS}")
    return SavedEvaluation(str(path), folder, report, labels, predicted, rows, groups)


def align(other: SavedEvaluation, first: SavedEvaluation) -> SavedEvaluation:
    """`other` with its rows in the order of `first`.

    Raises `MtrainError` if they are not evaluations of the same rows and classes, or are one.
    """
    if other.folder.resolve() == first.folder.resolve():
        raise MtrainError("is compared with itself", where=other.name)
    if other.split != first.split:
        raise _differ(other, first, f"it is of the {other.split} split", f"of {first.split}")
    if other.classes != first.classes:
        raise _differ(other, first, *_differing_classes(other.classes, first.classes))
    if (other.report.groups is None) != (first.report.groups is None):
        its, of_first = "its rows have no groups", "has some"
        if first.report.groups is None:
            its, of_first = "its rows have groups", "has none"
        raise _differ(other, first, its, of_first)
    data, first_data = other.report.data, first.report.data
    if data is not None and first_data is not None and data.sha256 != first_data.sha256:
        raise _differ(
            other,
            first,
            f"it is of other data, {data.source} (SHA-256 {data.sha256[:8]} of all its files)",
            f"of {first_data.source} ({first_data.sha256[:8]})",
        )
    if not np.array_equal(other.rows, first.rows):
        order, of_rows = (np.argsort(one.rows, kind="stable") for one in (other, first))
        if not np.array_equal(other.rows[order], first.rows[of_rows]):
            shared = len(np.intersect1d(other.rows, first.rows))
            raise _differ(
                other,
                first,
                f"it is of {len(other.rows):,} other rows",
                f"of {len(first.rows):,}; {shared:,} are in both",
            )
        places = np.empty_like(order)
        places[of_rows] = order
        labels, predicted = other.labels[places], other.predicted[places]
        other = replace(other, labels=labels, predicted=predicted, rows=first.rows)
    if not np.array_equal(other.labels, first.labels):
        n = int(np.count_nonzero(other.labels != first.labels))
        raise MtrainError(
            f"{n:,} of its rows have another true class than in {first.name}", where=other.name
        )
    return other


def _of_run(path: Path, split: str) -> Path:
    """The folder of the run's own evaluation on `split`."""
    run = RunDirectory(path)
    run.check_is_run(writable=False)
    run.refuse_links()
    folder = run.evaluations / split
    if not (folder / METRICS).is_file():
        raise MtrainError(
            f"has no evaluation on {split}", where=path, remedy=_evaluating(path, split)
        )
    return folder


def _evaluating(path: Path, split: str) -> str:
    split_option = "" if split == "test" else f" --split {split}"
    return f"`mtrain evaluate {shlex.quote(str(path))}{split_option}` makes one"


def _check_counts(report: Report, folder: Path) -> None:
    """Raise `MtrainError` if figures and confusion matrix do not add up."""
    counts = class_counts(report.confusion_matrix)
    for name in ("support", "predicted", "tp", "fp", "fn", "tn"):
        own = [getattr(one, name) for one in report.classes]
        if own != getattr(counts, name).tolist():
            raise _changed(folder, f"its {name} of classes are not those of its confusion matrix")
    if report.n != report.confusion_matrix.sum():
        raise _changed(folder, "its n is not the sum of its confusion matrix")


def _changed(folder: Path, problem: str) -> MtrainError:
    return MtrainError(f"was changed since it was made: {problem}", where=folder)


def _differ(other: SavedEvaluation, first: SavedEvaluation, its: str, of_first: str) -> MtrainError:
    problem = f"cannot be compared with {first.name}: {its}, that one {of_first}"
    return MtrainError(problem, where=other.name)


def _differing_classes(classes: tuple[str, ...], first: tuple[str, ...]) -> tuple[str, str]:
    """What the classes are of an evaluation, and of the first: their number, or those that differ."""
    if len(classes) != len(first):
        return f"it has {len(classes):,} classes", f"{len(first):,}"
    k = next(k for k, name in enumerate(classes) if name != first[k])
    return f"its class {k} is {classes[k]!r:.60}", f"has {first[k]!r:.60}"
