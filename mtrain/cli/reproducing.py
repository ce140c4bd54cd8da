"""The command that trains a run again and compares: reproduce."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mtrain.cli.options import AllowCode, Device, DeviceChoice, Json, Quiet
from mtrain.cli.output import open_stdout, print_json, say
from mtrain.errors import UsageError


def reproduce(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A finished run directory.", show_default=False),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Settings that change no figure, as dataset.path=PATH, where the data are now.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The directory of the new run, new or empty. [outputs/<name>-reproduced]",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Continue the reproduction in DIR if there is one, else start it."
        ),
    ] = False,
    seeds: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="If the results differ, measure the spread of N other seeds, at least 3. [0: none]",
            show_default=False,
        ),
    ] = 0,
    environment: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Only write the run's versions, as a constraints file for pip; train nothing.",
        ),
    ] = None,
    allow_code: AllowCode = False,
    device: Device = DeviceChoice.auto,
    quiet: Quiet = False,
    as_json: Json = False,
) -> int:
    """Train a run again: what is equal to the last bit, what differs, and whether it matters.

    Exit status 0 if the runs are equal or no difference is shown, else 1.
    """
    if environment is not None:
        given = {
            "KEY=VALUE": overrides,
            "--out": out,
            "--resume": resume,
            "--seeds": seeds,
            "--json": as_json,
        }
        return _write_environment(run, environment, [name for name in given if given[name]])

    from mtrain.config.loading.load import parse_overrides
    from mtrain.workflows.run_to_reproduce import read_settings_again

    settings = read_settings_again(run, parse_overrides(overrides or []), allow_code=allow_code)
    config = settings.validate()

    from mtrain.report.console.reproduction import print_reproduction
    from mtrain.report.console.sweep import watch_sweep
    from mtrain.report.console.watch import watch
    from mtrain.run.reproduction import reproduction_as_json
    from mtrain.workflows.reproduce import reproduce as use_case

    with settings.located():
        done = use_case(
            run,
            config,
            out=out,
            resume=resume,
            seeds=seeds,
            device=device.value,
            observer=None if quiet else watch(sys.stderr),
            seeds_observer=None if quiet else watch_sweep(sys.stderr),
            owns_process=True,
        )
    status = 0
    if (reproduction := done.reproduction) is not None:
        status = reproduction.exit_status
        with open_stdout() as stdout:
            if as_json:
                print_json(reproduction_as_json(reproduction), stdout)
            else:
                print_reproduction(reproduction, stdout)
                if reproduction.seeds_folder is not None:
                    print(f"seeds: {reproduction.seeds_folder}", file=stdout)
                print(f"run: {done.path}", file=stdout)
    if done.stopped_by is None:
        return status
    where = shlex.quote(str(done.path))
    missing = "nothing compared" if reproduction is None else "seeds not compared"
    say(f"stopped, saved, {missing}; with --out {where} --resume it is continued")
    return 128 + done.stopped_by


def _write_environment(run: Path, file: Path, given: list[str]) -> int:
    from mtrain.workflows.reproduce import write_environment_constraints

    if given:
        raise UsageError(f"trains nothing, so it takes no {given[0]}", where="--environment")
    write_environment_constraints(run, file)
    with open_stdout() as stdout:
        print(f"constraints: {file}", file=stdout)
    return 0
