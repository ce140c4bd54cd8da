"""Commands that use what was trained: evaluate, predict, plot, runs."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from mtrain.cli.options import (
    AllowCode,
    CheckpointPath,
    FormatChoice,
    Json,
    SplitChoice,
    Threshold,
)
from mtrain.cli.output import open_stdout, print_evaluation, print_json
from mtrain.text import inert


def evaluate(
    checkpoint: CheckpointPath,
    split: Annotated[SplitChoice, typer.Option(help="Which rows.")] = SplitChoice.test,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Another dataset.path than the run's.", exists=True),
    ] = None,
    threshold: Threshold = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Evaluate a checkpoint on a split, class by class."""
    import mtrain.evaluation as use_case

    report, folder = use_case.evaluate(
        checkpoint, split=split.value, data=data, threshold=threshold, allow_code=allow_code
    )
    with open_stdout() as stdout:
        if as_json:
            print_json(report.metrics, stdout)
        else:
            print_evaluation(report, stdout)
            print(f"evaluation: {folder}", file=stdout)


def predict(
    checkpoint: CheckpointPath,
    inputs: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Rows without labels: CSV, Parquet, .npz, an image or a folder.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .csv or .parquet file. [CSV on stdout]"),
    ] = None,
    threshold: Threshold = None,
    allow_code: AllowCode = False,
) -> None:
    """Predict rows: their class, and the probability of every class."""
    import mtrain.prediction as use_case

    # Not straight to stdout: of rows that are wrong at the end of a file nothing is printed.
    with tempfile.TemporaryFile() as spool:
        _, notes = use_case.predict(
            checkpoint,
            inputs,
            out=out,
            stream=cast("BinaryIO", spool),
            threshold=threshold,
            allow_code=allow_code,
        )
        spool.seek(0)
        for note in notes:
            print(inert(note), file=sys.stderr)
        with open_stdout() as stdout, io.TextIOWrapper(spool, "utf-8", newline="") as text:
            if out is None:
                shutil.copyfileobj(text, stdout)
            else:
                print(f"predictions: {out}", file=stdout)


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of runs.")] = Path(
        "outputs"
    ),
) -> None:
    """List runs: their data, network, best figure, worst class, and how they ended."""
    from mtrain.runs import list_runs

    found, problems = list_runs(folder)

    from mtrain.report.runs import print_runs

    if found:
        with open_stdout() as stdout:
            print_runs(found, stdout)
    for problem in problems:
        print(inert(problem), file=sys.stderr)


def plot(
    history: Annotated[
        Path,
        typer.Argument(
            metavar="HISTORY", help="A run directory or a history.json.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the charts go. [charts beside the history]"),
    ] = None,
    file_format: Annotated[
        FormatChoice, typer.Option("--format", help="The charts' format.")
    ] = FormatChoice.png,
) -> None:
    """Draw learning curves, and precision and recall by class."""
    import mtrain.plot as use_case

    charts = use_case.plot(history, out, file_format.value)
    with open_stdout() as stdout:
        for path in charts:
            print(path, file=stdout)
