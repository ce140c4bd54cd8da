"""The command that trains many settings, seeds and folds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mtrain.cli.options import ConfigFile, Device, DeviceChoice, Json, Quiet
from mtrain.cli.output import open_stdout, print_json, say


def sweep(
    config_file: ConfigFile,
    axes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=V1,V2,...",
            help="Settings to vary; KEY=V sets one for all, KEY=LOW..HIGH is a range for --sample.",
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Train each setting with the seeds 0 to N-1.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(metavar="K", help="Train each setting on K folds of the data.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(metavar="N", help="Draw N settings. [all combinations]")
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many train side by side. [as many as the CPUs hold]"),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Train on a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT.",
        ),
    ] = None,
    halving: Annotated[
        str | None,
        typer.Option(
            metavar="{by: F, keep: 0.5, every: 5}",
            help="Stop the worse half of the settings, by figure F, after every 5 epochs.",
        ),
    ] = None,
    ensemble: Annotated[
        bool,
        typer.Option("--ensemble", help="Keep the mean of a setting's seeds as a model, too."),
    ] = False,
    charts: Annotated[
        bool, typer.Option("--charts", help="Draw the charts of each member.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Train more than 1,000 members.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The folder of the sweep, new or empty. [outputs/<name>-sweep]"
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume the sweep in DIR if there is one, else start it."),
    ] = False,
    device: Device = DeviceChoice.auto,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train every combination of settings, and show which are not worse than the best."""
    from mtrain.config.loading.axes import parse_axes
    from mtrain.config.loading.members import plan_sweep
    from mtrain.config.loading.reader import parse

    overrides, varied = parse_axes(axes or [])
    plan = plan_sweep(
        config_file,
        overrides,
        varied,
        seeds=seeds,
        folds=folds,
        sample=sample,
        halving=None if halving is None else parse(halving, "--halving").data,
        ensemble=ensemble,
        many=yes,
    )

    from mtrain.report.console.results import print_report
    from mtrain.report.console.sweep import print_sweep, watch_sweep
    from mtrain.run.sweep import result_as_json
    from mtrain.workflows.sweep import sweep as use_case
    from mtrain.workflows.sweep_data import Options

    options = Options(
        device=device.value,
        jobs=jobs,
        charts=charts,
        progress=not quiet,
        code_folder=plan.settings.folder or Path(),
        owns_process=True,
        ray=ray,
    )
    with plan.settings.located():
        run = use_case(
            plan,
            out=out,
            resume=resume,
            options=options,
            observer=None if quiet else watch_sweep(sys.stderr),
        )
    with open_stdout() as stdout:
        if as_json:
            print_json({"sweep": str(run.path), "result": result_as_json(run.result)}, stdout)
        else:
            print_sweep(run.result, stdout)
            if run.result.best is not None and run.result.best in run.pooled:
                print("the folds of the best setting together:", file=stdout)
                print_report(run.pooled[run.result.best], stdout)
            print(f"sweep: {run.path}", file=stdout)
    if run.stopped_by is not None:
        where = shlex.quote(str(run.path))
        say(f"stopped by {run.stopped_by.name}, saved; with --out {where} --resume it is continued")
    return run.exit_status
