"""Commands before anything is trained: init, check, summary, schema."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtrain.cli.options import AllowCode, ConfigFile, Json, Overrides
from mtrain.cli.output import open_stdout, print_json, say
from mtrain.errors import MtrainError, UsageError
from mtrain.escape import inert
from mtrain.report.console.terminal import waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.load import Settings
    from mtrain.records.rivals import RivalTrial
    from mtrain.records.suspects import SuspectTrial


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The config to write.")] = Path(
        "config.yaml"
    ),
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The data to train on, a file or a folder.", exists=True),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="For a table, the column of the labels. [label, target or class; else the last]",
        ),
    ] = None,
) -> None:
    """Write a commented config to start from."""
    from mtrain.workflows.init import init as use_case

    def ask(columns: Sequence[str], likely: str) -> str:
        question = f"Which column is the label? Choose one of {', '.join(columns)} [{likely}]"
        return str(typer.prompt(inert(question), likely, show_default=False))

    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    for note in use_case(file, data, target=target, ask=ask if is_terminal else None):
        say(note)
    with open_stdout() as stdout:
        print(f"config: {file}", file=stdout)


def check(
    config_file: ConfigFile,
    overrides: Overrides = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="With --strict: warnings of this name, which stands in brackets at their end, are "
            "not errors. Can be repeated.",
        ),
    ] = None,
    suspects: Annotated[
        bool,
        typer.Option(
            "--suspects",
            help="Also train with some labels flipped, and report how many of these the lists of "
            "suspects find.",
        ),
    ] = False,
    flip: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="With --suspects: the share of labels to flip, above 0 and below 0.5. [0.05]",
            show_default=False,
        ),
    ] = None,
    rivals: Annotated[
        bool,
        typer.Option(
            "--rivals",
            help="Also train simpler models, those of evaluation.rivals or else logistic regression "
            "and gradient boosting, and show what they reach on the test rows.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check settings, summarise data and flag likely problems."""
    from mtrain.config.experiment.sources import PATHS
    from mtrain.config.loading.load import parse_overrides, read_settings
    from mtrain.data.files import large_files
    from mtrain.data.flips import share_to_flip
    from mtrain.workflows.check import check as use_case

    flipped = share_to_flip(flip, suspects=suspects)
    allowed = _allowed(allow or [], strict=strict)
    settings = read_settings(config_file, parse_overrides(overrides or []))
    config = settings.validate()
    paths = (getattr(config.dataset, key, None) for key in PATHS)
    if (large := large_files(paths)) is not None:
        say(f"Reading {large}.")
    with settings.located(), waiting("reading the data", sys.stderr):
        inspection = use_case(config)
    errors = [note for note in inspection.warnings if strict and note.kind not in allowed]

    from mtrain.report.console.inspection import print_inspection
    from mtrain.report.text import first_few

    if not as_json:
        warnings = tuple(note for note in inspection.warnings if note not in errors)
        with open_stdout() as stdout:
            print_inspection(replace(inspection, warnings=warnings), config, stdout)
    if flipped is not None and not errors:
        inspection = replace(inspection, suspects=_try_suspects(settings, config, flipped))
    if rivals and not errors:
        inspection = replace(inspection, rivals=_try_rivals(settings, config))
    with open_stdout() as stdout:
        if as_json:
            from mtrain.run.check import inspection_as_json

            print_json(inspection_as_json(inspection), stdout)
        if inspection.suspects is not None and not as_json:
            from mtrain.report.console.suspects import print_suspects

            print_suspects(inspection.suspects, stdout)
        if inspection.rivals is not None and not as_json:
            from mtrain.report.console.rivals import print_rivals

            print_rivals(inspection.rivals, stdout)
    if errors:
        raise MtrainError(*first_few([f"{note} [{note.kind}]" for note in errors]))


def _try_rivals(settings: Settings, config: Config) -> RivalTrial:
    """Train simpler models."""
    from mtrain.workflows.try_rivals import try_rivals

    with settings.located(), waiting("training the rivals", sys.stderr):
        return try_rivals(config)


def _try_suspects(settings: Settings, config: Config, share: float) -> SuspectTrial:
    """Train with this share of the labels flipped, shown on stderr."""
    from mtrain.report.console.watch import watch
    from mtrain.workflows.try_suspects import try_suspects

    with settings.located():
        return try_suspects(
            config,
            share,
            code_folder=settings.folder,
            observer=watch(sys.stderr),
            owns_process=True,
        )


def _allowed(names: Sequence[str], *, strict: bool) -> set[str]:
    """The kinds of warnings that are not errors."""
    from mtrain.config.catalog.names import suggestion
    from mtrain.data.notes import KINDS

    if names and not strict:
        raise UsageError("--allow: needs --strict; without it no warning is an error")
    for name in names:
        if name not in KINDS:
            raise UsageError(f"--allow: unknown warning {name!r}; {suggestion(name, KINDS)}")
    return set(names)


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
    graph: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also draw the network: a .png, .svg or .pdf file."),
    ] = None,
    allow_code: AllowCode = False,
) -> None:
    """Print a model's layers, output shapes and parameters."""
    from mtrain.config.loading.load import parse_overrides
    from mtrain.workflows.summarize import check_graph, draw_graph, summarize

    if graph is not None:
        check_graph(graph)
    with waiting("making the model", sys.stderr):
        network = summarize(model, parse_overrides(overrides or []), allow_code=allow_code)
    if graph is not None:
        draw_graph(network, graph)

    from mtrain.report.console.results import print_layers

    with open_stdout() as stdout:
        print_layers(network.layers, stdout)
        if graph is not None:
            print(f"graph: {graph}", file=stdout)


def schema() -> None:
    """Print the JSON Schema of a config, for editors."""
    from mtrain.config.loading.json_schema import config_schema

    with open_stdout() as stdout:
        print_json(config_schema(), stdout)
