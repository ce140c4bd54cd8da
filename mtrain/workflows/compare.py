"""Compare runs on the same rows, from the predictions that their evaluations kept."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import UsageError
from mtrain.keywords import option
from mtrain.metrics.comparison import compare_with_first
from mtrain.run.files import attributing_errors, begins, check_replaced, write_csv
from mtrain.run.saved_evaluation import align, read_saved_evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mtrain.records.comparison import Comparison
    from mtrain.records.evaluation import SavedEvaluation

SPLITS = ("test", "val")


def compare(
    runs: Sequence[Path],
    *,
    split: str | None = None,
    margin: float | None = None,
    out: Path | None = None,
) -> list[Comparison]:
    """Compare each run but the first with the first, by their evaluations on `split`.

    Without `split`, those on test, or those of the folders named: a run is a run directory, or the
    folder of one of its evaluations. `margin`, in (0, 1), is how far below the first a figure may be
    and still be *no worse*. `out` is a CSV file for the rows on which the predictions differ. Raises `UsageError` for too few runs or an impossible margin,
    `MtrainError` for evaluations that are missing, damaged, or of different rows or classes.
    """
    if len(runs) < 2:
        raise UsageError("takes at least two runs", where="compare")
    if split not in {None, *SPLITS}:
        raise UsageError(f"must be test or val, got {split!r}", where=option("split"))
    if margin is not None and not (isinstance(margin, float) and 0 < margin < 1):
        raise UsageError(f"must be a number between 0 and 1, got {margin}", where=option("margin"))
    if out is not None:
        check_replaced(out, _holds_rows, "rows of a comparison", option("out"))
    first, *others = (read_saved_evaluation(path, split) for path in runs)
    aligned = [first, *(align(one, first) for one in others)]
    comparisons = compare_with_first(aligned, margin)
    if out is not None:
        _write_differing(out, aligned)
    return comparisons


def _holds_rows(path: Path) -> bool:
    return begins(path, b"row,truth,")


def _write_differing(out: Path, evaluations: Sequence[SavedEvaluation]) -> None:
    """The rows on which not all predictions are the same, in their order in the data."""
    first = evaluations[0]
    predicted = np.stack([one.predicted for one in evaluations])
    differing = np.flatnonzero((predicted != predicted[0]).any(axis=0))
    differing = differing[np.argsort(first.rows[differing], kind="stable")]
    files: dict[int, str] = {}
    for one in evaluations:  # each of these rows is a mistake of at least one of them
        files.update(_files_of_mistakes(one.folder / "errors.csv"))
    names = first.classes
    write_csv(
        out,
        ["row", "truth", *(one.name for one in evaluations), *(["file"] if files else [])],
        [
            [
                int(first.rows[i]),
                names[first.labels[i]],
                *(names[k] for k in predicted[:, i]),
                *([files.get(int(first.rows[i]), "")] if files else []),
            ]
            for i in differing
        ],
    )


def _files_of_mistakes(path: Path) -> Iterator[tuple[int, str]]:
    """Row and file of each mistake, if rows are files; without the list, none."""
    if not path.is_file():
        return
    with attributing_errors(path), path.open(encoding="utf-8", newline="") as file:
        for entry in csv.DictReader(file):
            if entry.get("file") and (entry.get("row") or "").isdecimal():
                yield int(entry["row"]), entry["file"]
