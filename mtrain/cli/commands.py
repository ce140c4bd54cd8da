"""The command line, assembled from its commands."""

from __future__ import annotations

from typing import Annotated, TextIO

import typer

import mtrain
from mtrain.cli.experiments import check, init, schema, summary
from mtrain.cli.output import open_stdout
from mtrain.cli.reproducing import reproduce
from mtrain.cli.results import compare, evaluate, gate, plot, predict, report, runs
from mtrain.cli.shipping import export, log
from mtrain.cli.sweep import sweep
from mtrain.cli.training import fit, resume
from mtrain.errors import UsageError

app = typer.Typer(
    rich_markup_mode=None,  # halves the time of --help
    pretty_exceptions_enable=False,
    suggest_commands=False,  # `cli/mistakes.py` knows other programs' names, too
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (
    *(init, check, fit, resume, sweep),
    *(evaluate, compare, gate, predict, plot, report, runs),
    *(export, log, reproduce),
    *(summary, schema),
):
    app.command()(command)


def command_names() -> list[str]:
    """All commands, in the order of `--help`."""
    return [command.callback.__name__ for command in app.registered_commands if command.callback]


@app.callback(invoke_without_command=True)
def mtrain_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="With --version: print what a bug report needs.")
    ] = False,
    debug: Annotated[  # noqa: ARG001 -- main() acts on it; here it is for --help
        bool, typer.Option("--debug", help="Show a traceback with any error.")
    ] = False,
) -> None:
    """Train and evaluate classifiers, and see precision and recall of every class."""
    if verbose and not version:
        raise UsageError(
            "--verbose: needs --version; `mtrain --version --verbose` prints what a bug report needs"
        )
    if version:
        with open_stdout() as stdout:
            if verbose:
                _print_installation(stdout)
            else:
                print(f"mtrain {mtrain.__version__}", file=stdout)
        raise typer.Exit
    if context.invoked_subcommand is None:
        with open_stdout() as stdout:
            print(context.get_help(), file=stdout)
        raise typer.Exit


def _print_installation(stdout: TextIO) -> None:
    from mtrain.report.console.installation import print_installation
    from mtrain.workflows.describe_installation import describe_installation

    print_installation(describe_installation(), stdout)
