"""Commands that train: fit and resume."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtrain.cli.options import (
    AllowCode,
    AllowDifferences,
    ConfigFile,
    Device,
    DeviceChoice,
    Json,
    Overrides,
    Quiet,
)
from mtrain.cli.output import open_stdout, print_evaluation, print_gate, print_json, tell_github
from mtrain.errors import UsageError

if TYPE_CHECKING:
    from mtrain.config.loading.load import Settings


def fit(
    config_file: ConfigFile,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The run directory, new or empty. [outputs/<name>]"),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume the run in DIR if there is one, else start it."),
    ] = False,
    allow_differences: AllowDifferences = False,
    device: Device = DeviceChoice.auto,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train an experiment and evaluate the trained model."""
    if allow_differences and not resume:
        raise UsageError("--allow-differences: needs --resume")

    from mtrain.config.loading.load import parse_overrides, read_settings

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


def resume(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="A run directory.", show_default=False)
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="training.epochs=N, the total number of epochs, or dataset.path=PATH, where the data "
            "are now; other settings with --allow-differences.",
        ),
    ] = None,
    allow_differences: AllowDifferences = False,
    allow_code: AllowCode = False,
    device: Device = DeviceChoice.auto,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Resume a run; it ends as if it had not been interrupted."""
    from mtrain.config.loading.load import parse_overrides
    from mtrain.training.resume import read_run_settings

    settings = read_run_settings(run, parse_overrides(overrides or []), allow_code=allow_code)
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
    """Train, and print the result; returns the exit status."""
    config = settings.validate()

    from mtrain.report.console.watch import watch
    from mtrain.report.drawing import drawing_beside
    from mtrain.run.directory import RunDirectory
    from mtrain.run.gate import gate_as_json
    from mtrain.run.metrics import report_as_json
    from mtrain.workflows.fit import fit

    with settings.located(), drawing_beside() as draw:
        run = fit(
            config,
            code_folder=settings.folder,
            observer=None if quiet else watch(sys.stderr),
            owns_process=True,
            keeps_compiled=True,
            draw=draw,
            **how,
        )
    with open_stdout() as stdout:
        if as_json:
            evaluation = None if run.report is None else report_as_json(run.report)
            gate = None if run.gate is None else gate_as_json(run.gate)
            gated = {} if gate is None else {"gate": gate}
            print_json({"run": str(run.path), "evaluation": evaluation, **gated}, stdout)
        else:
            if run.report is not None:
                directory = RunDirectory(run.path)
                folder = directory.evaluations / run.report.split
                print_evaluation(run.report, folder, stdout, directory)
                print(f"report: {directory.page}", file=stdout)
            if run.gate is not None:
                print_gate(run.gate, stdout)
            print(f"run: {run.path}", file=stdout)
    if run.stopped_by is not None:
        return 128 + run.stopped_by
    if run.gate is None:
        return 0
    tell_github(run.gate, sys.stderr if as_json else sys.stdout)
    return run.gate.exit_status
