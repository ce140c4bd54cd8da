"""Commands that use trained models: evaluate, compare, gate, predict, plot, report, runs."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import typer

from mtrain.cli.options import (
    AllowCode,
    CheckpointPath,
    ChosenSplit,
    EngineChoice,
    FormatChoice,
    InconclusiveChoice,
    Json,
    SplitChoice,
    Threshold,
)
from mtrain.cli.output import (
    open_stdout,
    print_evaluation,
    print_gate,
    print_json,
    say,
    tell_github,
)
from mtrain.cli.stopping import stoppable
from mtrain.errors import MtrainError, UsageError
from mtrain.report.console.terminal import waiting


def evaluate(
    checkpoint: CheckpointPath,
    split: Annotated[SplitChoice, typer.Option(help="The split to evaluate.")] = SplitChoice.test,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Evaluate these data instead of the run's dataset.path.",
            exists=True,
        ),
    ] = None,
    threshold: Threshold = None,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="A column of the table: every figure for each of its values as well.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder for the files. [evaluation/ in the run]"),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast",
            help="Predict by NumPy: probabilities differ by about 1e-6; kept beside the exact evaluation.",
        ),
    ] = False,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Evaluate a checkpoint on a split, class by class."""
    import mtrain.workflows.evaluate as use_case
    from mtrain.report.drawing import drawing_beside
    from mtrain.run.metrics import report_as_json

    with stoppable(), waiting("evaluating", sys.stderr), drawing_beside() as draw:
        evaluation = use_case.evaluate(
            checkpoint,
            split=split.value,
            data=data,
            threshold=threshold,
            by=by,
            out=out,
            fast=fast,
            allow_code=allow_code,
            draw=draw,
        )
    with open_stdout() as stdout:
        if as_json:
            print_json(report_as_json(evaluation.report), stdout)
        else:
            print_evaluation(
                evaluation.report, None if evaluation.problem else evaluation.folder, stdout
            )
            if evaluation.problem is None:
                print(f"evaluation: {evaluation.folder}", file=stdout)
    if evaluation.problem is not None:
        say(f"{evaluation.problem}; --out DIR keeps the evaluation elsewhere")


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run directories, or folders of their evaluations; each is compared with the first.",
            show_default=False,
        ),
    ],
    split: Annotated[
        ChosenSplit | None, typer.Option(help="The split whose evaluations are compared. [test]")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            metavar="M", help="How far below the first a figure may be and still be no worse."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A CSV file for the rows on which they differ."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare runs on the same rows: which classes differ beyond chance."""
    import mtrain.workflows.compare as use_case
    from mtrain.run.comparison import comparisons_as_json

    comparisons = use_case.compare(
        runs, split=None if split is None else split.value, margin=margin, out=out
    )
    with open_stdout() as stdout:
        if as_json:
            print_json(comparisons_as_json(comparisons), stdout)
            return

        from mtrain.report.console.comparison import print_comparison

        for number, comparison in enumerate(comparisons):
            if number:
                print(file=stdout)
            print_comparison(comparison, stdout)
        if out is not None:
            print(f"differing rows: {out}", file=stdout)


def gate(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A run directory, or the folder of one of its evaluations.",
            show_default=False,
        ),
    ],
    rules: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RULE",
            help="Such as 'recall >= 0.8', 'f1[Shirt] > 0.6', 'accuracy >= baseline - 0.01'. [the "
            "config's gates]",
        ),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="The run that baseline means in a rule. [always the most frequent class]",
        ),
    ] = None,
    inconclusive: Annotated[
        InconclusiveChoice | None,
        typer.Option(help="Take inconclusive rules as passed or as failed. [exit status 5]"),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JUnit file for CI, a test case a rule.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Judge a run by rules; exit status 0 passed, 3 failed, 5 inconclusive."""
    import mtrain.workflows.gate as use_case

    result = use_case.gate(
        run,
        rules or [],
        baseline=baseline,
        inconclusive=None if inconclusive is None else inconclusive.value,
        junit=junit,
    )
    with open_stdout() as stdout:
        if as_json:
            from mtrain.run.gate import gate_as_json

            print_json(gate_as_json(result), stdout)
        else:
            print_gate(result, stdout)
    tell_github(result, sys.stderr if as_json else sys.stdout)
    return result.exit_status


def predict(
    checkpoint: CheckpointPath,
    inputs: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Rows without labels: CSV, Parquet, JSON Lines, .npz, an image, a folder, or - for stdin.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .csv or .parquet file. [CSV on stdout]"),
    ] = None,
    threshold: Threshold = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS", help="Columns of a table that go with them: id,date, or all."
        ),
    ] = None,
    bad_rows: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A CSV for rows of a table with values that cannot be predicted, not for lines that are "
            "no rows. [an error]",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit status 1 if there are such rows.")
    ] = False,
    engine: Annotated[
        EngineChoice,
        typer.Option(
            help="tensorflow: the bits of evaluate, from which auto's probabilities differ by about 1e-6."
        ),
    ] = EngineChoice.auto,
    set_level: Annotated[
        float | None,
        typer.Option(
            "--set",
            metavar="LEVEL",
            help="Also the classes that a row may have: of every class this share has its own among them, "
            "by the run's validation.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where the run's data are now, for --set.", exists=True),
    ] = None,
    allow_code: AllowCode = False,
) -> int:
    """Predict rows: their class, and the probability of every class."""
    import mtrain.workflows.predict as use_case
    from mtrain.data.inputs.stdin import as_stdin, standard_input

    if strict and bad_rows is None:
        raise UsageError("--strict: needs --bad-rows")
    is_stdin = str(inputs) == "-"
    # Not straight to stdout: of rows that are wrong at the end of a file nothing is printed.
    with tempfile.TemporaryFile() as spool:
        with (
            stoppable("nothing was written") as received,
            standard_input(sys.stdin.buffer) if is_stdin else nullcontext(inputs) as rows,
            waiting("predicting", sys.stderr) as tell,
        ):
            written = use_case.predict(
                checkpoint,
                rows,
                out=out,
                stream=cast("BinaryIO", spool),
                threshold=threshold,
                keep=[name.strip() for name in keep.split(",")] if keep else (),
                bad_rows=bad_rows,
                engine=engine.value,
                set_level=set_level,
                data=data,
                allow_code=allow_code,
                # A whole per cent that is reached, of what is read: rows are read ahead, and not counted before.
                progress=lambda n, read: tell(f"{n:,} rows, {int(100 * read)} % read"),
                received=received,
            )
        spool.seek(0)
        for note in written.notes:
            say(as_stdin(note, rows) if is_stdin else note)
        if written.set_aside:
            say(f"{written.set_aside:,} row{'s' * (written.set_aside > 1)} set aside: {bad_rows}")
        with open_stdout() as stdout, io.TextIOWrapper(spool, "utf-8", newline="") as text:
            if out is None:
                shutil.copyfileobj(text, stdout)
            else:
                print(f"predictions: {out}", file=stdout)
    return MtrainError.exit_status if strict and written.set_aside else 0


def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run, or a sweep.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A page of HTML; of a run, by the ending .md a model card. [report.html in RUN]",
        ),
    ] = None,
) -> None:
    """Show a run as one page: verdicts, mistakes, curves; or a sweep: settings, members, axes."""
    import mtrain.workflows.report as use_case

    with waiting("writing", sys.stderr):
        page = use_case.report(run, out)
    with open_stdout() as stdout:
        print(f"report: {page}", file=stdout)


def runs(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of runs.")] = Path(
        "outputs"
    ),
    sort: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="started, run, data, epochs, best, worst, state, or a setting that differs.",
        ),
    ] = "started",
    as_json: Json = False,
) -> None:
    """List runs with differing settings, best value and state."""
    from mtrain.workflows.list_runs import differing_settings, list_runs, setting_headings

    outcomes, problems = list_runs(folder, sort)

    from mtrain.report.console.runs import print_runs, runs_as_json

    with open_stdout() as stdout:
        if as_json:
            print_json(runs_as_json(outcomes, str(folder)), stdout)
        elif outcomes:
            print_runs(outcomes, setting_headings(differing_settings(outcomes)), stdout)
    for problem in problems:
        say(problem)


def plot(
    history: Annotated[
        Path,
        typer.Argument(
            metavar="HISTORY", help="A run directory or a history.json.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder for the charts. [charts beside the history]"),
    ] = None,
    file_format: Annotated[
        FormatChoice, typer.Option("--format", help="The charts' format.")
    ] = FormatChoice.png,
) -> None:
    """Draw learning curves, and precision and recall by class."""
    import mtrain.workflows.plot as use_case

    with waiting("drawing", sys.stderr):
        charts, notes = use_case.plot(history, out, file_format.value)
    for note in notes:
        say(note)
    with open_stdout() as stdout:
        for path in charts:
            print(path, file=stdout)
