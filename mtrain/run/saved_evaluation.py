"""Evaluations that are in a run already, found and checked: no model is needed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.records.evaluation import SavedEvaluation
from mtrain.run.directory import RunDirectory
from mtrain.run.metrics import METRICS, read_report
from mtrain.run.predictions import PREDICTIONS, read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.records.report import Report


def find_evaluation(path: Path, split: str) -> Path:
    """The folder of the evaluation on `split` of the run at `path`, or `path` if it is one.

    Raises `MtrainError` if there is none.
    """
    if (path / METRICS).is_file():
        return path
    run = RunDirectory(path)
    run.check_is_run(writable=False)
    run.refuse_links()
    folder = run.evaluations / split
    if not (folder / METRICS).is_file():
        option = "" if split == "test" else f" --split {split}"
        raise MtrainError(
            f"has no evaluation on {split}",
            where=path,
            remedy=f"`mtrain evaluate {shlex.quote(str(path))}{option}` makes one",
        )
    return folder


def read_checked_report(folder: Path) -> Report:
    """The report of an evaluation's folder, whose counts are those of its confusion matrix.

    Raises `MtrainError` if they are not: it was changed by hand.
    """
    report = read_report(folder)
    counts = class_counts(report.confusion_matrix)
    for name in ("support", "predicted", "tp", "fp", "fn", "tn"):
        own = [getattr(one, name) for one in report.classes]
        if own != getattr(counts, name).tolist():
            raise _changed(folder, f"its {name} of classes are not those of its confusion matrix")
    if report.n != report.confusion_matrix.sum():
        raise _changed(folder, "its n is not the sum of its confusion matrix")
    return report


def read_saved_evaluation(path: Path, split: str) -> SavedEvaluation:
    """The evaluation on `split` of the run at `path`, or in the folder `path`.

    Raises `MtrainError` if there is none, if its predictions were not kept, or if they are not
    those of its figures.
    """
    folder = find_evaluation(path, split)
    report = read_checked_report(folder)
    if not (folder / PREDICTIONS).exists():
        raise MtrainError(
            f"has no {PREDICTIONS}: evaluation.predictions was false",
            where=folder,
            remedy="a run with evaluation.predictions=true keeps them",
        )
    labels, predicted, rows = read_labels(report, folder)
    counted = confusion_matrix(labels, predicted, len(report.classes))
    if not np.array_equal(counted, report.confusion_matrix):
        raise _changed(folder, f"the counts of {PREDICTIONS} are not those of {METRICS}")
    return SavedEvaluation(str(path), folder, report, labels, predicted, rows)


def _changed(folder: Path, problem: str) -> MtrainError:
    return MtrainError(f"was changed since it was made: {problem}", where=folder)
