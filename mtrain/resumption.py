"""From where a run goes on, and whether it will be as if it had never stopped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mtrain.config.load import read_settings
from mtrain.errors import MtrainError, SettingError, UsageError
from mtrain.metrics.monitor import Course
from mtrain.records import TrainingState
from mtrain.run.checkpoint import Checkpoint, read_checkpoint_arrays
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import identity
from mtrain.run.history import read_history
from mtrain.run.selection import newest_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mtrain.config.load import Settings
    from mtrain.config.schema import Config
    from mtrain.records import Shapes

FREE = ("name", "checkpoint.", "dataset.path", "training.epochs")
"""Settings, or sections, that change no figure of an epoch. That the data are the same, wherever
they lie, is for their hash to say."""

Differences = dict[str, tuple[Any, Any]]
"""What was, and what is, by dotted key; None where there is no such thing."""


@dataclass(eq=False)
class Resumption:
    """A checkpoint to go on from, and what is no longer as it was then."""

    run: RunDirectory
    path: Path
    checkpoint: Checkpoint
    damaged: tuple[str, ...]
    """What is wrong with newer checkpoints, a message each."""

    allowed: bool
    """Whether differences are."""

    differences: Differences = field(default_factory=dict)

    def compare(self, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Record what differs of all that `now` has; raises `UsageError` unless it is allowed."""
        found = {key: (was.get(key), now[key]) for key in now if was.get(key) != now[key]}
        if found and not self.allowed:
            lines = [f"{key}: was {_shown(a)}, is {_shown(b)}" for key, (a, b) in found.items()]
            remedy = (
                "what is trained from here is not what would have come of it; "
                "--allow-differences goes on all the same and records them"
            )
            raise UsageError("\n".join(f"{self.run.path}: {line}" for line in [*lines, remedy]))
        self.differences |= found

    def compare_environment(self, environment: Mapping[str, Any]) -> None:
        """The same for what is known of the environment so far."""
        self.compare(self.checkpoint.identity, identity(environment))

    def is_complete(self, config: Config) -> bool:
        """Whether nothing is left to train."""
        cursor = self.checkpoint.cursor
        if cursor["step"] or cursor["epoch"] >= config.training.epochs:
            return not cursor["step"]
        return Course(config.training, self.checkpoint.history).early_stop is not None

    @property
    def is_reported(self) -> bool:
        """Whether the run came to its end, report and all."""
        try:
            return read_history(self.run.path).segments[-1].get("ended") == "finished"
        except MtrainError:
            return False

    @property
    def notes(self) -> Iterator[str]:
        """What is worth saying before training goes on."""
        for problem in self.damaged:
            yield f"{problem}; an older checkpoint is used."
        for key, (was, now) in self.differences.items():
            yield f"{key} was {_shown(was)}, is {_shown(now)}."
        yield f"Training goes on from {self.path}."

    def state(self, shapes: Shapes) -> TrainingState:
        """What to put back; raises `MtrainError` for arrays that are not of `shapes`."""
        groups = ("model/", "optimizer/", "counts/")
        arrays = read_checkpoint_arrays(self.path, shapes, *groups)
        return TrainingState(arrays, self.checkpoint.cursor)


def read_run_settings(path: Path, overrides: Mapping[str, Any]) -> Settings:
    """The settings of the run directory at `path`, with `overrides` by dotted path."""
    run = RunDirectory(path)
    run.check_is_run()
    run.refuse_links()
    return read_settings(run.config, overrides)


def find_resumption(run: RunDirectory, config: Config, *, allowed: bool) -> Resumption | None:
    """Where `run`, trained on as `config` says, goes on; None where it has no checkpoint yet.

    Raises `MtrainError` where every checkpoint is damaged, `UsageError` where the config is another
    than the run's and that is not allowed.
    """
    run.remove_leftovers()
    if (newest := newest_whole(run)) is None:
        return None
    checkpoint = newest.checkpoint
    found = Resumption(run, newest.path, checkpoint, newest.damaged, allowed)
    _check_epochs(checkpoint, config)
    found.compare(_settings(checkpoint.config), _settings(config))
    if not newest.best_is_whole:
        found.compare({"best checkpoint": checkpoint.best}, {"best checkpoint": "damaged"})
        found.checkpoint = checkpoint = replace(checkpoint, best=None)
    was, now = checkpoint.config.training.epochs, config.training.epochs
    if was != now:
        found.differences["training.epochs"] = was, now
    figures = {*config.monitors, "learning_rate"}
    if checkpoint.history.epoch and checkpoint.history.scalars.keys() != figures:
        raise UsageError(
            f"{run.path}: its history has other figures than metrics and dataset.validation ask for"
        )
    return found


def _check_epochs(checkpoint: Checkpoint, config: Config) -> None:
    cursor = checkpoint.cursor
    begun = cursor["epoch"] + bool(cursor["step"])
    if config.training.epochs < begun:
        problem = f"must be at least {begun}, which have begun, got {config.training.epochs}"
        raise SettingError((("training", "epochs"), problem))


def _settings(config: Config) -> dict[str, Any]:
    """Those that make a run another, by dotted key."""
    flat = _flat(config.model_dump(mode="json"))
    return {key: value for key, value in flat.items() if not key.startswith(FREE)}


def _flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _shown(value: Any) -> str:
    return "not set" if value is None else str(value)
