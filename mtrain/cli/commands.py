"""The commands."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

import mtrain
from mtrain.errors import MtrainError, UsageError
from mtrain.report.text import inert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mtrain.config.load import Settings
    from mtrain.metrics.report import Report

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,  # halves the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class DeviceChoice(StrEnum):
    """Where to train."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


class SplitChoice(StrEnum):
    """The splits of a data set."""

    test = "test"
    val = "val"
    train = "train"


class FormatChoice(StrEnum):
    """The formats a chart can have."""

    png = "png"
    svg = "svg"
    pdf = "pdf"


ConfigFile = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The experiment, a YAML file.", show_default=False),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Settings that replace those of the config."),
]
CheckpointPath = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT",
        help="A run directory (its best checkpoint, or its last), or one of its checkpoints.",
        show_default=False,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="T",
        help="Of two classes, predict the second above this probability. [evaluation.threshold]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

Device = Annotated[DeviceChoice, typer.Option(help="Where to train.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
AllowDifferences = Annotated[
    bool,
    typer.Option(
        "--allow-differences",
        help="Go on with other settings, data, versions or another machine, and record which.",
    ),
]


@app.callback(invoke_without_command=True)
def mtrain_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[  # noqa: ARG001 -- main() acts on it; here it is for --help
        bool, typer.Option("--debug", help="Show a traceback with any error.")
    ] = False,
) -> None:
    """Train and evaluate classifiers, and see precision and recall of every class."""
    if version:
        typer.echo(f"mtrain {mtrain.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


@app.command()
def fit(
    config_file: ConfigFile,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run directory, new or empty. [outputs/<name>]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in DIR if there is one, else start it."),
    ] = False,
    allow_differences: AllowDifferences = False,
    device: Device = DeviceChoice.auto,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train an experiment, and evaluate what it learned."""
    if allow_differences and not resume:
        raise UsageError("--allow-differences: is for --resume")

    from mtrain.config.load import parse_overrides, read_settings

    settings = read_settings(config_file, parse_overrides(overrides or []))
    return _train(
        settings,
        quiet=quiet,
        as_json=as_json,
        out=out,
        device=device.value,
        resume=resume,
        allow_differences=allow_differences,
    )


@app.command()
def resume(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="training.epochs=N",
            help="How many epochs it shall have in all.",
        ),
    ] = None,
    allow_differences: AllowDifferences = False,
    device: Device = DeviceChoice.auto,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Go on with a run that was stopped or killed, as if it never had been."""
    from mtrain.config.load import parse_overrides
    from mtrain.resumption import read_run_settings

    settings = read_run_settings(run, parse_overrides(overrides or []))
    return _train(
        settings,
        quiet=quiet,
        as_json=as_json,
        out=run,
        device=device.value,
        resume=True,
        allow_differences=allow_differences,
        download=False,
    )


def _train(settings: Settings, *, quiet: bool, as_json: bool, **how: Any) -> int:
    """Train as `train` takes it, and print what came of it; returns the exit status."""
    config = settings.validate()

    from mtrain.report.console import watch
    from mtrain.train import train

    with settings.located():
        run = train(config, observer=None if quiet else watch(sys.stderr), **how)
    with _stdout() as stdout:
        if as_json:
            _print_json({"run": str(run.path), "evaluation": run.metrics}, stdout)
        else:
            if run.report is not None:
                _print_report(run.report, stdout)
            print(f"run: {run.path}", file=stdout)
    return 0 if run.stopped_by is None else 128 + run.stopped_by


@app.command()
def check(
    config_file: ConfigFile,
    overrides: Overrides = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
) -> None:
    """Look at an experiment's settings and data before it is trained."""
    from mtrain.check import check as use_case
    from mtrain.config.load import parse_overrides, read_settings

    settings = read_settings(config_file, parse_overrides(overrides or []))
    config = settings.validate()
    with settings.located():
        inspection = use_case(config)
    errors: tuple[str, ...] = ()
    if strict:
        inspection, errors = replace(inspection, warnings=()), inspection.warnings

    from mtrain.report.inspection import print_inspection

    with _stdout() as stdout:
        print_inspection(inspection, config, stdout)
    if errors:
        raise MtrainError("\n".join(errors))


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The config to write.")] = Path(
        "config.yaml"
    ),
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The data it is for, a file or a folder.", exists=True),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Of a table, the column of the labels. [label, target or class; else the last]",
        ),
    ] = None,
) -> None:
    """Write a commented config to begin with."""
    from mtrain.init import init as use_case

    def choose(columns: Sequence[str], likely: str) -> str:
        if target is not None or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return target or likely
        names = ", ".join(inert(column) for column in columns)
        return str(typer.prompt(f"Which column is the label? There is {names}", likely))

    use_case(file, data, choose)
    print(f"config: {file}")


@app.command()
def evaluate(
    checkpoint: CheckpointPath,
    split: Annotated[SplitChoice, typer.Option(help="Which rows.")] = SplitChoice.test,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Another dataset.path than the run's.", exists=True),
    ] = None,
    threshold: Threshold = None,
    as_json: Json = False,
) -> None:
    """Evaluate a checkpoint on a split, class by class."""
    import mtrain.evaluation as use_case

    report, folder = use_case.evaluate(
        checkpoint, split=split.value, data=data, threshold=threshold
    )
    with _stdout() as stdout:
        if as_json:
            _print_json(report.metrics, stdout)
        else:
            _print_report(report, stdout)
            print(f"evaluation: {folder}", file=stdout)


@app.command()
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
) -> None:
    """Predict rows: their class, and the probability of every class."""
    import mtrain.prediction as use_case

    text, notes = use_case.predict(checkpoint, inputs, out=out, threshold=threshold)
    for note in notes:
        print(inert(note), file=sys.stderr)
    with _stdout() as stdout:
        print(f"predictions: {out}") if text is None else stdout.write(text)


@app.command()
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
    with _stdout() as stdout:
        for path in charts:
            print(path, file=stdout)


@app.command()
def summary(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG|CHECKPOINT",
            help="A YAML file, a run or a checkpoint.",
            show_default=False,
        ),
    ],
    overrides: Overrides = None,
) -> None:
    """Print a model's layers, output shapes and parameters."""
    from mtrain.config.load import parse_overrides
    from mtrain.summary import summarize

    layers = summarize(model, parse_overrides(overrides or []))

    from mtrain.report.results import print_layers

    with _stdout() as stdout:
        print_layers(layers, stdout)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a config, for editors."""
    from mtrain.config.json_schema import config_schema

    with _stdout() as stdout:
        _print_json(config_schema(), stdout)


@contextmanager
def _stdout() -> Iterator[TextIO]:
    """Standard output for results; whoever closed it, as `head` does, or left has had enough."""
    try:
        yield sys.stdout
        sys.stdout.flush()
    except OSError as error:
        gone = error.errno == errno.EIO  # the terminal is
        if not (gone or isinstance(error, BrokenPipeError)):
            raise
        # What is still buffered goes nowhere, or the interpreter would complain as it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_report(report: Report, stdout: TextIO) -> None:
    from mtrain.report.results import print_report

    print_report(report, stdout)


def _print_json(data: Any, stdout: TextIO) -> None:
    from mtrain.run.files import json_text

    stdout.write(json_text(data))
