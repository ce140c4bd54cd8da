"""The arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class DeviceChoice(StrEnum):
    """Where to train."""

    auto = "auto"
    cpu = "cpu"
    gpu = "gpu"


class EngineChoice(StrEnum):
    """What predicts."""

    auto = "auto"
    tensorflow = "tensorflow"


class SplitChoice(StrEnum):
    """The splits of a data set."""

    test = "test"
    val = "val"
    train = "train"


class ChosenSplit(StrEnum):
    """The splits that were not trained on."""

    test = "test"
    val = "val"


class InconclusiveChoice(StrEnum):
    """How a rule counts that is neither shown to hold nor not to."""

    passed = "pass"
    failed = "fail"


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
        help="With two classes, predict the second above this probability. [evaluation.threshold]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]

Device = Annotated[DeviceChoice, typer.Option(help="Where to train.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not show progress.")]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code", help="Allow the custom code named in this run to be imported and run."
    ),
]
AllowDifferences = Annotated[
    bool,
    typer.Option(
        "--allow-differences",
        help="Resume with other settings, data, versions or machine, and record the differences.",
    ),
]
