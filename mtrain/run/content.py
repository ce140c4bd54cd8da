"""The files of a run that a second training makes again, read without trust in any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.records.reproduction import CheckpointContent, EvaluationContent, RunContent
from mtrain.run.checkpoint import read_checkpoint, read_training_arrays
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import identity, read_environment
from mtrain.run.find_checkpoint import pointed_checkpoint
from mtrain.run.history import read_history
from mtrain.run.metrics import ARRAYS, MATRIX, report_as_json
from mtrain.run.predictions import read_predictions
from mtrain.run.saved_evaluation import read_saved_evaluation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from mtrain.metrics.history import History
    from mtrain.records.arrays import Arrays
    from mtrain.records.reproduction import Scalar

NOT_FIGURES = (*ARRAYS, "schema", "data", "rivals")
"""Keys of `metrics.json` that are no figures, or are compared otherwise."""


def read_content(path: Path, splits: Iterable[str]) -> RunContent:
    """The content of the run directory at `path`, with its evaluations on `splits`.

    Raises `MtrainError` for a file that is missing, damaged, or not as mtrain writes it.
    """
    run = RunDirectory(path)
    run.check_is_run(writable=False)
    run.refuse_links()
    read: dict[str, CheckpointContent] = {}
    checkpoints: dict[str, CheckpointContent] = {}
    for role in ("best", "last"):
        if (name := pointed_checkpoint(run, role)) is None:
            continue
        if name not in read:
            read_checkpoint(run.checkpoints / name)  # its hashes, too
            read[name] = CheckpointContent(name, read_training_arrays(run.checkpoints / name))
        checkpoints[role] = read[name]
    history = read_history(path)
    return RunContent(
        name=str(path),
        identity=identity(read_environment(run.environment)),
        checkpoints=checkpoints,
        epochs=len(history.epoch),
        classes=history.classes,
        columns=_columns(history),
        evaluations={split: _read_evaluation(path, split) for split in splits},
    )


def _columns(history: History) -> Arrays:
    """The columns but the seconds by dotted name, of shape (E,) or (E, K)."""
    columns: dict[str, list[Any]] = {f"history.{name}": c for name, c in history.scalars.items()}
    for section, splits in (("counts", history.counts), ("per_class", history.per_class)):
        for split, of in splits.items():
            columns |= {f"{section}.{split}.{name}": column for name, column in of.items()}
    return {name: np.array(column) for name, column in columns.items()}


def _read_evaluation(path: Path, split: str) -> EvaluationContent:
    saved = read_saved_evaluation(path, split, needs_predictions=False)
    probabilities = None
    if len(saved.labels):
        predictions, _ = read_predictions(saved.report, saved.folder)
        probabilities = predictions.probabilities
    return EvaluationContent(saved, dict(_figures(report_as_json(saved.report))), probabilities)


def _figures(data: dict[str, Any]) -> Iterator[tuple[str, Scalar]]:
    """Every number of a report by dotted name, as `classes[3].recall`; None is undefined."""
    for key, value in data.items():
        if key not in NOT_FIGURES:
            yield from _numbers(key, value)


def _numbers(name: str, value: Any) -> Iterator[tuple[str, Scalar]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != MATRIX:
                yield from _numbers(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _numbers(f"{name}[{place}]", inner)
    elif value is None or isinstance(value, int | float):
        yield name, value
