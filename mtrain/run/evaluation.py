"""The files of an evaluation: a folder, written whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mtrain.errors import MtrainError
from mtrain.metrics.mistakes import confident_mistakes
from mtrain.metrics.selective import answered
from mtrain.metrics.suspects import suspects
from mtrain.run.checkpoint import NAME
from mtrain.run.directory import EVALUATING, SUSPECTS
from mtrain.run.files import (
    attributing_errors,
    json_text,
    remove_leftovers,
    whole_folder,
    write_bytes,
    write_csv,
    write_text,
)
from mtrain.run.lock import one_at_a_time
from mtrain.run.metrics import read_report, write_report
from mtrain.run.predictions import PREDICTIONS, read_predictions, write_predictions
from mtrain.run.row_lists import write_row_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mtrain.records.arrays import Ints
    from mtrain.records.dataset import Split
    from mtrain.records.report import Report, Scores
    from mtrain.records.training import Predictions
    from mtrain.run.directory import RunDirectory


def keep_evaluation(
    run: RunDirectory,
    name: str,
    report: Report,
    predictions: Predictions,
    split: Split,
    charts: Iterable[tuple[str, bytes]],
    *,
    keeps_predictions: bool = True,
    learned_from: bool = False,
) -> None:
    """Write an evaluation into the run, in place of any of this name.

    Everything is as for `write_evaluation`.
    """
    with one_at_a_time(run.path / EVALUATING):
        remove_leftovers(run.evaluations)
        if report.checkpoint not in name:
            _name_earlier(run.evaluations, report.checkpoint)
        folder = run.evaluations / name
        write_evaluation(
            folder,
            report,
            predictions,
            split,
            charts,
            keeps_predictions=keeps_predictions,
            learned_from=learned_from,
        )


def _name_earlier(evaluations: Path, checkpoint: str) -> None:
    """Name evaluations by their checkpoint that are of an earlier one than `checkpoint`.

    A name without a checkpoint means the run's best, or else its last: as it is trained further,
    another one.
    """
    for folder in sorted(evaluations.glob("*/")):
        if "-epoch-" in folder.name:
            continue
        try:
            earlier = read_report(folder).checkpoint
        except MtrainError:
            continue  # not an evaluation, or changed by hand
        split, *rest = folder.name.split("-")
        named = evaluations / "-".join([split, earlier, *rest])
        # Whose name is another might lie anywhere: the file may be a stranger's.
        if earlier != checkpoint and NAME.fullmatch(earlier) and not named.exists():
            with attributing_errors(named):
                folder.rename(named)


def write_evaluation(
    folder: Path,
    report: Report,
    predictions: Predictions,
    split: Split,
    charts: Iterable[tuple[str, bytes]],
    *,
    keeps_predictions: bool = True,
    learned_from: bool = False,
) -> None:
    """Write the report, predictions and mistakes on the rows of `split`, and charts by file name.

    Rows that the network has `learned_from` have no suspects. The folder takes the place of any of its
    name. Raises `MtrainError` if it cannot be written.
    """
    with attributing_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as beside:
        _write_numbers(
            beside,
            report,
            predictions,
            split,
            keeps_predictions=keeps_predictions,
            learned_from=learned_from,
        )
        for name, content in charts:
            write_bytes(beside / name, content)


def read_evaluation(folder: Path) -> Report:
    """The report of an evaluation's folder, with its predictions if they were kept.

    Raises `MtrainError` if a file is missing, or not as mtrain writes it.
    """
    report = read_report(folder)
    if not (folder / PREDICTIONS).exists():
        return report
    predictions, _ = read_predictions(report, folder)
    return replace(report, predictions=predictions)


def classification_report(report: Report) -> dict[str, Any]:
    """As scikit-learn's `classification_report(output_dict=True)`, with None for NaN."""

    def entry(scores: Scores, support: float) -> dict[str, float | None]:
        names = {"precision": scores.precision, "recall": scores.recall, "f1-score": scores.f1}
        return {**names, "support": support}

    averages = {"macro avg": report.averages.macro, "weighted avg": report.averages.weighted}
    return {
        **{one.name: entry(one, one.support) for one in report.classes},
        "accuracy": report.accuracy,
        **{name: entry(average, average.support) for name, average in averages.items()},
    }


def _write_numbers(
    folder: Path,
    report: Report,
    predictions: Predictions,
    split: Split,
    *,
    keeps_predictions: bool,
    learned_from: bool,
) -> None:
    write_report(report, folder)
    write_text(folder / "classification_report.json", json_text(classification_report(report)))
    if keeps_predictions:
        write_predictions(predictions, split.rows, folder)
    names = [one.name for one in report.classes]
    _write_coverage(folder / "coverage.csv", predictions, names)
    wrong = confident_mistakes(predictions)
    predicted = predictions.predicted[wrong]
    _write_rows(folder / "errors.csv", "predicted", predictions, split, names, wrong, predicted)
    if not learned_from:  # what the network has learned, right or wrong, it finds likely
        doubtful, like = suspects(predictions)
        _write_rows(folder / SUSPECTS, "like", predictions, split, names, doubtful, like)


def _write_coverage(path: Path, predictions: Predictions, names: Sequence[str]) -> None:
    """Write what is answered above some probabilities: of all rows, then of those predicted as each class."""
    header = [
        "class",
        "above",
        "answered",
        "coverage",
        "precision",
        "precision_low",
        "precision_high",
    ]
    entries = (
        (name, one)
        for k, name in ((None, None), *enumerate(names))
        for one in answered(predictions, k)
    )
    write_csv(
        path,
        header,
        (
            [
                name,
                one.above,
                one.rows,
                one.coverage,
                one.precision,
                *(one.right_ci or (None, None)),
            ]
            for name, one in entries
        ),
    )


def _write_rows(
    path: Path,
    column: str,
    predictions: Predictions,
    split: Split,
    names: Sequence[str],
    rows: Ints,
    others: Ints,
) -> None:
    """Write the rows at these positions, each with its class, and in `column` one of the `others`."""
    true = predictions.labels[rows]
    columns: dict[str, NDArray[Any] | list[str]] = {
        "row": split.rows[rows],
        "true": [names[k] for k in true],
        column: [names[k] for k in others],
        "probability_true": predictions.probabilities[rows, true],
        f"probability_{column}": predictions.probabilities[rows, others],
    }
    if split.names is not None:
        columns["file"] = split.names[rows].tolist()
    write_row_list(path, columns)
