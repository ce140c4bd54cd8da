"""A finished run as it is read before it is trained again: its settings, its files, what to know of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.errors import MtrainError, Problem, UsageError
from mtrain.records.reproduction import SPLIT
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.content import read_content
from mtrain.run.find_checkpoint import changed_code, find_checkpoint, pointed_checkpoint
from mtrain.run.history import read_history
from mtrain.run.metrics import METRICS
from mtrain.run.saved_evaluation import read_saved_evaluation
from mtrain.training.resume import EPOCHS, FREE, differences, read_run_settings
from mtrain.workflows.run_state import run_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.load import Settings
    from mtrain.metrics.history import History
    from mtrain.records.reproduction import RunContent
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.directory import RunDirectory

ALLOWED = tuple(
    key.removesuffix(".") for key in FREE if key not in {EPOCHS, "evaluation.predictions"}
)
"""Settings, or sections, that change nothing that is compared."""

REPRODUCED = "-reproduced"
"""The end of the name of a reproduction."""

LONGEST_NAME = 100
"""The most characters of a run's name."""


@dataclass(frozen=True, eq=False)
class RunToReproduce:
    """A finished run, read completely."""

    content: RunContent
    device: str
    """The kind it was trained on, `cpu` or `gpu`."""

    threads: int | None
    """Threads that one operation had on the CPU; None: not known."""

    notes: tuple[str, ...]


def read_settings_again(
    run: Path,
    overrides: Mapping[str, Any],
    *,
    allow_code: bool = False,
    function: str | None = None,
) -> Settings:
    """The settings of the run at `run` under another name, with `overrides` that change no figure.

    Its trackers are left out, unless `overrides` name some. `function` is as for `read_settings`.
    Raises `UsageError` for other overrides, and for custom code unless `allow_code`; `MtrainError`
    for what is not a run.
    """
    settings = read_run_settings(
        run, overrides, allow_code=allow_code, writable=False, function=function
    )
    keys = sorted(".".join(map(str, keys)) for keys in settings.overrides)
    allowed = tuple(f"{key}." for key in ALLOWED)
    problems = [
        Problem(f"{key}: would make another experiment", settings.caller)
        for key in keys
        if not f"{key}.".startswith(allowed)
    ]
    if problems:
        remedy = f"`mtrain reproduce` takes {', '.join(ALLOWED)}; `mtrain fit` takes all settings"
        raise UsageError(*(Problem(one.what, one.where, remedy=remedy) for one in problems))
    if ("name",) not in settings.overrides:
        name = settings.validate().name
        settings.data["name"] = name[: LONGEST_NAME - len(REPRODUCED)] + REPRODUCED
    if not any(keys[0] == "tracking" for keys in settings.overrides):
        # A stranger's trackers: nothing is sent to an address that nobody here has named.
        settings.data.pop("tracking", None)
    return settings


def read_run_to_reproduce(run: Path, config: Config) -> RunToReproduce:
    """Everything of the finished run at `run`, whose settings are `config`.

    Raises `MtrainError` for a run that is not finished or not evaluated, for one that is damaged,
    and for one whose `config.yaml` is not what it was trained with.
    """
    place = find_checkpoint(run)
    history = read_history(run)
    state = run_state(place.run, config, history) if history.segments else "not begun"
    if state != "finished":
        finishing = f"`mtrain resume {shlex.quote(str(run))}` finishes it"
        raise MtrainError(
            f"is {state}; only a finished run can be reproduced",
            where=run,
            remedy="wait until it is finished" if state == "running" else finishing,
        )
    last = pointed_checkpoint(place.run, "last")
    saved = read_checkpoint(place.run.checkpoints / last if last else place.path)
    _check_config(place.run, saved, config)
    notes = [*changed_code(place, saved), *_notes(history)]
    splits: list[str] = [SPLIT]
    if (place.run.evaluations / "val" / METRICS).is_file():
        try:
            read_saved_evaluation(run, "val", needs_predictions=False)
            splits.append("val")
        except MtrainError as error:
            notes.append(f"The evaluation on val is not compared: {error}")
    content = read_content(run, splits)
    return RunToReproduce(content, saved.device, saved.threads, tuple(notes))


def _check_config(run: RunDirectory, saved: Checkpoint, config: Config) -> None:
    """Raise `MtrainError` if `config.yaml` was changed since the run was trained."""
    changed = differences(saved, config)
    epochs = saved.config.training.epochs, config.training.epochs
    if epochs[0] != epochs[1]:
        changed[EPOCHS] = epochs
    if changed:
        problems = [f"{key}: was {was}, is {now}" for key, (was, now) in changed.items()]
        problems.append("was changed since the run was trained")
        raise MtrainError(*(Problem(problem, str(run.config)) for problem in problems))


def _notes(history: History) -> Iterator[str]:
    """Notes on a run that its config alone does not make."""
    for segment in history.segments:
        if segment.differences:
            changed = ", ".join(segment.differences)
            yield (
                f"The run was resumed with differences after epoch {segment.epochs[0] - 1}: {changed}; "
                "its config alone does not make it again"
            )
