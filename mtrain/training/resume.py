"""From where a run continues, and whether it will be as if it had never stopped."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mtrain.config.experiment.custom_code import refuse_code
from mtrain.config.loading.load import flat_settings, read_settings
from mtrain.errors import MtrainError, SettingError, UsageError
from mtrain.keywords import option
from mtrain.records.training import TrainingState
from mtrain.run.checkpoint import GROUPS, Checkpoint, read_checkpoint_arrays
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import identity
from mtrain.run.find_checkpoint import newest_whole
from mtrain.run.history import read_history
from mtrain.training.control import TrainingControl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.load import Settings
    from mtrain.metrics.history import History
    from mtrain.records.arrays import Shapes
    from mtrain.records.run import Environment

FREE = (
    *("name", "checkpoint.", "dataset.path", "dataset.val_path", "dataset.test_path", "tracking."),
    *("training.epochs", "training.memory", "evaluation.predictions"),
)
"""Settings, or sections, that change no figure of an epoch. That the data are the same, wherever
they lie, is for their hash to say."""

BEST = "best checkpoint"
EPOCHS = "training.epochs"
DATA = "data.sha256"

Differences = dict[str, tuple[Any, Any]]
"""What was, and what is, by dotted key; None where there is no such thing."""


def differences(
    checkpoint: Checkpoint,
    config: Config,
    environment: Environment | None = None,
    *,
    best_is_whole: bool = True,
) -> Differences:
    """What was otherwise when `checkpoint` was saved, of all that decides the figures of an epoch.

    `environment` is what is known of it so far, None: nothing; `best_is_whole` says whether the best
    checkpoint that this one knows of is, and counts once there is an environment.
    """
    was, now = _settings(checkpoint.config), _settings(config)
    if environment is not None:
        if not best_is_whole:
            was[BEST], now[BEST] = checkpoint.best, "damaged"
        known = identity(environment)
        now |= known
        was |= {key: checkpoint.identity.get(key) for key in known}
        if environment.code is not None:
            was |= {k: v for k, v in checkpoint.identity.items() if k.startswith("code.")}
    keys = dict.fromkeys([*now, *was])
    return {key: (was.get(key), now.get(key)) for key in keys if was.get(key) != now.get(key)}


@dataclass(frozen=True, eq=False)
class Resumption:
    """A checkpoint to resume from."""

    run: RunDirectory
    path: Path
    checkpoint: Checkpoint
    damaged: tuple[str, ...]
    """What is wrong with newer checkpoints, a message each."""

    best_is_whole: bool
    """Whether the best checkpoint that it knows of is."""

    differences_allowed: bool

    @property
    def best(self) -> str | None:
        """The best checkpoint so far; None where there is none, or it is lost."""
        return self.checkpoint.best if self.best_is_whole else None

    def differences(self, config: Config, environment: Environment | None = None) -> Differences:
        """What differs from when it was saved, and what was asked for besides: more epochs."""
        changes = differences(
            self.checkpoint, config, environment, best_is_whole=self.best_is_whole
        )
        was, now = self.checkpoint.config.training.epochs, config.training.epochs
        return changes if was == now else {**changes, EPOCHS: (was, now)}

    def check(self, config: Config, environment: Environment | None = None) -> None:
        """Raise `UsageError` with what differs so far, unless that is allowed."""
        changes = self.differences(config, environment)
        changes.pop(EPOCHS, None)
        if changes and not self.differences_allowed:
            lines = [f"{name}: was {a}, is {b}" for name, a, b in self._told(changes, environment)]
            remedy = (
                "the result would differ from that of an uninterrupted run; "
                f"{option('allow-differences')} resumes all the same and records them"
            )
            raise UsageError("\n".join(f"{self.run.path}: {line}" for line in [*lines, remedy]))

    def check_classes(self, classes: tuple[str, ...]) -> None:
        """Raise `UsageError` where the data have other classes: what was learned is not theirs."""
        if classes != self.checkpoint.classes:
            was, now = (f"{', '.join(names):.60}" for names in (self.checkpoint.classes, classes))
            raise UsageError(f"its classes are {was}, those of the data {now}", where=self.run.path)

    def is_complete(self, config: Config) -> bool:
        """Whether nothing is left to train."""
        cursor = self.checkpoint.cursor
        if cursor.step:
            return False
        return cursor.epoch >= config.training.epochs or self.early_stop(config) is not None

    def early_stop(self, config: Config) -> str | None:
        """Why training stopped before its last epoch, if early stopping is why."""
        return TrainingControl(config.training, self.checkpoint.history).early_stop

    @property
    def is_reported(self) -> bool:
        """Whether the run came to its end, report and all."""
        try:
            history = read_history(self.run.path)
        except MtrainError:
            return False
        same = history.epoch == self.checkpoint.history.epoch
        return same and bool(history.segments) and history.segments[-1].ended == "finished"

    @property
    def history(self) -> History:
        """The history so far; how its segments ended is what `history.json` says."""
        history = self.checkpoint.history
        try:
            later = read_history(self.run.path).segments
        except MtrainError:
            later = []
        ends = {segment.started: segment.ended for segment in later}
        segments = [
            replace(segment, ended=ends.get(segment.started, segment.ended))
            for segment in history.segments
        ]
        return replace(history, segments=segments)

    def notes(self, changes: Differences, environment: Environment) -> Iterator[str]:
        """What is worth saying before training continues under these differences."""
        for problem in self.damaged:
            yield f"{problem}; an older checkpoint is used."
        for name, was, now in self._told(changes, environment):
            yield f"{name} was {was}, is {now}."
        yield f"Resuming from {self.path}."

    def state(self, shapes: Shapes) -> TrainingState:
        """What to put back; raises `MtrainError` for arrays that are not of `shapes`."""
        arrays = read_checkpoint_arrays(self.path, shapes, *GROUPS)
        return TrainingState(arrays, self.checkpoint.cursor)

    def _told(
        self, changes: Differences, environment: Environment | None
    ) -> Iterator[tuple[str, str, str]]:
        """What each is called, what it was and what it is; other data have other splits as well."""
        for key, (was, now) in changes.items():
            if key == DATA or DATA not in changes or not key.startswith(("data.", "splits.")):
                name = self._data(environment) if key == DATA and environment else key
                yield name, _shown(was), _shown(now)

    def _data(self, environment: Environment) -> str:
        """What the data are called: which of the splits that they bring have changed, and the source."""
        now = identity(environment)
        parts = [key for key in now if key.startswith("data.") and key != DATA]
        changed = [
            key.removeprefix("data.")
            for key in parts
            if self.checkpoint.identity.get(key) != now[key]
        ]
        rows = f"the {' and '.join(changed)} rows of " if 0 < len(changed) < len(parts) else ""
        return f"{rows}the data ({environment.data['source']})"


def read_run_settings(
    path: Path,
    overrides: Mapping[str, Any],
    *,
    allow_code: bool = False,
    function: str | None = None,
) -> Settings:
    """The settings of the run directory at `path`, with `overrides` by dotted path.

    `function` is as for `read_settings`. Raises `UsageError` where they name code of the user's own, unless `allow_code`.
    """
    run = RunDirectory(path)
    run.check_is_run()
    run.refuse_links()
    settings = read_settings(run.config, overrides, function=function)
    refuse_code(settings.validate().custom_code.values(), path, allowed=allow_code)
    return settings


def find_resumption(
    run: RunDirectory, config: Config, *, differences_allowed: bool
) -> Resumption | None:
    """Where `run`, trained on as `config` says, goes on; None where it has no checkpoint yet.

    Raises `MtrainError` where every checkpoint is damaged, `UsageError` where the config is another
    than the run's and that is not allowed.
    """
    run.remove_leftovers()
    if (newest := newest_whole(run)) is None:
        _check_unfinished(run)
        return None
    checkpoint = newest.checkpoint
    resumption = Resumption(
        run, newest.path, checkpoint, newest.damaged, newest.best_is_whole, differences_allowed
    )
    _check_epochs(checkpoint, config)
    resumption.check(config)
    if checkpoint.history.epoch and _figures(checkpoint.config) != _figures(config):
        raise UsageError(
            (
                "its history has other figures than metrics, diagnostics, dataset.validation and "
                "evaluation.threshold ask for"
            ),
            where=run.path,
        )
    return resumption


def _check_unfinished(run: RunDirectory) -> None:
    """Where there is a result, and nothing to resume from, nothing may be overwritten.

    A run that was killed, or failed as where the disk was full, before its first checkpoint has none.
    """
    saved = (run.checkpoints / "last").exists()
    with suppress(MtrainError):  # no history: it was killed before there was anything to lose
        segments = read_history(run.path).segments
        saved |= bool(segments) and segments[-1].ended not in {None, "failed"}
    if saved:
        raise MtrainError(
            "was trained, but its checkpoints are gone",
            where=run.path,
            remedy="train into another folder",
        )


def _check_epochs(checkpoint: Checkpoint, config: Config) -> None:
    cursor = checkpoint.cursor
    begun = cursor.epoch + bool(cursor.step)
    if config.training.epochs < begun:
        problem = f"must be at least {begun}, which have begun, got {config.training.epochs}"
        raise SettingError((("training", "epochs"), problem))


def _figures(config: Config) -> tuple[Any, ...]:
    """What decides which columns a history has."""
    validated = config.dataset.validation is not None
    return config.metrics, config.diagnostics, validated, config.evaluation.rule is None


def _settings(config: Config) -> dict[str, Any]:
    """Those that make a run another, by dotted key."""
    flat = flat_settings(config)
    return {key: value for key, value in flat.items() if not key.startswith(FREE)}


def _shown(value: Any) -> str:
    """A setting, or as many digits of a hash as tell two apart."""
    text = "not set" if value is None else str(value)
    return text[:8] if re.fullmatch("[0-9a-f]{64}", text) else text
