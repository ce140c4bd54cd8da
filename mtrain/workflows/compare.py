"""Compare runs on the same rows, from the predictions that their evaluations kept."""

from __future__ import annotations

import csv
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.comparison import compare_with_first
from mtrain.run.files import attributing_errors, check_replaced, write_csv
from mtrain.run.saved_evaluation import read_saved_evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mtrain.records.comparison import Comparison
    from mtrain.records.evaluation import SavedEvaluation

SPLITS = ("test", "val")


def compare(
    runs: Sequence[Path],
    *,
    split: str = "test",
    margin: float | None = None,
    out: Path | None = None,
) -> list[Comparison]:
    """Compare each run but the first with the first, by their evaluations on `split`.

    A run is a run directory, or the folder of one of its evaluations. `margin`, in (0, 1), is how
    far below the first a figure may be and still be *no worse*. `out` is a CSV file for the rows on
    which the predictions differ. Raises `UsageError` for too few runs or an impossible margin,
    `MtrainError` for evaluations that are missing, damaged, or of different rows or classes.
    """
    if len(runs) < 2:
        raise UsageError("takes at least two runs", where="compare")
    if split not in SPLITS:
        raise UsageError(f"must be test or val, got {split!r}", where=option("split"))
    if margin is not None and not 0 < margin < 1:
        raise UsageError(f"must be between 0 and 1, got {margin:g}", where=option("margin"))
    if out is not None:
        check_replaced(out, b"row,true,", "rows of a comparison", option("out"))
    first, *others = (read_saved_evaluation(path, split) for path in runs)
    aligned = [first, *(align(one, first) for one in others)]
    comparisons = compare_with_first(aligned, margin)
    if out is not None:
        _write_differing(out, aligned)
    return comparisons


def align(other: SavedEvaluation, first: SavedEvaluation) -> SavedEvaluation:
    """`other` with its rows in the order of `first`.

    Raises `MtrainError` if they are not evaluations of the same rows and classes, or are one.
    """
    if other.folder.resolve() == first.folder.resolve():
        raise MtrainError("is compared with itself", where=other.name)
    if other.split != first.split:
        raise _differ(other, first, f"it is of the {other.split} split", f"of {first.split}")
    if other.classes != first.classes:
        raise _differ(other, first, f"it has the classes {_listed(other)}", _listed(first))
    data, of_first = other.report.data, first.report.data
    if data is not None and of_first is not None and data.sha256 != of_first.sha256:
        raise _differ(
            other,
            first,
            f"it is of the data {data.source} (SHA-256 {data.sha256[:8]})",
            f"of {of_first.source} ({of_first.sha256[:8]})",
        )
    if not np.array_equal(other.rows, first.rows):
        order, of_rows = (
            np.argsort(other.rows, kind="stable"),
            np.argsort(first.rows, kind="stable"),
        )
        if not np.array_equal(other.rows[order], first.rows[of_rows]):
            shared = len(np.intersect1d(other.rows, first.rows))
            raise _differ(
                other,
                first,
                f"it is of {len(other.rows):,} rows",
                f"of {len(first.rows):,}; {shared:,} are in both",
            )
        places = np.empty_like(order)
        places[of_rows] = order
        other = replace(
            other,
            labels=other.labels[places],
            predicted=other.predicted[places],
            rows=first.rows,
        )
    if not np.array_equal(other.labels, first.labels):
        n = int(np.count_nonzero(other.labels != first.labels))
        raise MtrainError(
            f"{n:,} of its rows have another true class than in {first.name}", where=other.name
        )
    return other


def _differ(other: SavedEvaluation, first: SavedEvaluation, its: str, of_first: str) -> MtrainError:
    problem = f"cannot be compared with {first.name}: {its}, that one {of_first}"
    return MtrainError(problem, where=other.name)


def _listed(one: SavedEvaluation) -> str:
    return f"{', '.join(one.classes):.60} ({len(one.classes)})"


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
        ["row", "true", *(one.name for one in evaluations), *(["file"] if files else [])],
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
