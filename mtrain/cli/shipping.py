"""Commands that take a model or its figures elsewhere: export, log."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mtrain.cli.options import AllowCode, CheckpointPath, Json
from mtrain.cli.output import open_stdout, print_json
from mtrain.cli.stopping import stoppable
from mtrain.errors import MtrainError
from mtrain.report.console.terminal import waiting


class ExportFormat(StrEnum):
    """The formats of an exported model."""

    onnx = "onnx"
    saved_model = "saved_model"
    keras = "keras"


def export(
    checkpoint: CheckpointPath,
    file_format: Annotated[
        ExportFormat, typer.Option("--format", help="The format of the model.")
    ] = ExportFormat.onnx,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="A new file; for saved_model a new folder. [model.onnx in the run]"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Where the run's data are now; the export is proved on them.",
            exists=True,
        ),
    ] = None,
    allow_code: AllowCode = False,
    as_json: Json = False,
) -> None:
    """Export a checkpoint as ONNX, SavedModel or .keras, and prove that it predicts the same."""
    import mtrain.workflows.export as use_case
    from mtrain.run.export import export_as_json

    with stoppable(), waiting("exporting", sys.stderr):
        exported = use_case.export(
            checkpoint, file_format=file_format.value, out=out, data=data, allow_code=allow_code
        )
    with open_stdout() as stdout:
        if as_json:
            print_json(export_as_json(exported), stdout)
            return
        from mtrain.report.console.export import print_export

        print_export(exported, stdout)


def log(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="A run, or a sweep.", show_default=False),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TRACKER[=URI]",
            help=(
                "mlflow, wandb, trackio or tensorboard; with = the address of an MLflow, the project "
                "of W&B or Trackio, or the folder of TensorBoard."
            ),
            show_default=False,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Log a run to MLflow, W&B, Trackio or TensorBoard; what is there already is not added again."""
    import mtrain.workflows.log as use_case
    from mtrain.report.console.tracking import print_logged
    from mtrain.run.tracking import LoggedRuns, logged_as_json

    all_logged, problem = [], None
    with open_stdout() as stdout:
        try:
            for logged in use_case.log(run, to):
                all_logged.append(logged)
                if not as_json:
                    print_logged(logged, stdout)
        except MtrainError as error:  # perhaps of the last member of a sweep
            problem = error
        if as_json and (all_logged or problem is None):
            print_json(logged_as_json(LoggedRuns(tuple(all_logged))), stdout)
    if problem is not None:
        raise problem
