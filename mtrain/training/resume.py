"""The point from which a run continues, and whether it will end as if not interrupted."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mtrain.config.experiment.custom_code import code_folders, refuse_code
from mtrain.config.loading.load import flat_settings, read_settings
from mtrain.errors import MtrainError, Problem, SettingError, UsageError
from mtrain.keywords import option
from mtrain.records.dataset import SPLITS
from mtrain.records.training import OF_ROWS, ROWS, TrainingState
from mtrain.run.checkpoint import GROUPS, Checkpoint, read_checkpoint_arrays
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import identity
from mtrain.run.files import read_bytes
from mtrain.run.find_checkpoint import LARGEST_MODULE, newest_whole
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
    "evaluation.rivals",
)
"""Settings, or sections, that change no figure of an epoch. The hash of the data tells whether they
are the same, wherever they are."""

BEST = "best checkpoint"
EPOCHS = "training.epochs"
OTHER_ROWS = (
    *("data.", "splits.train", "seed", "dataset."),
    *("training.batch_size", "training.shuffle", "training.steps_per_epoch"),
)
"""Beginnings of the keys of differences with which what is known of each training row does not hold."""

DATA = "data.sha256"

Differences = dict[str, tuple[Any, Any]]
"""The old and the new value by dotted key; None if there is no value."""


def differences(
    checkpoint: Checkpoint,
    config: Config,
    environment: Environment | None = None,
    *,
    best_is_whole: bool = True,
) -> Differences:
    """What differs from `checkpoint`, among everything that decides the figures of an epoch.

    `environment` is as far as it is known, or None; `best_is_whole` says whether the best
    checkpoint that this one names is whole, and counts if there is an environment.
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
    """The problems of newer checkpoints, a message each."""

    best_is_whole: bool
    """Whether the best checkpoint that it names is whole."""

    differences_allowed: bool

    @property
    def best(self) -> str | None:
        """The best checkpoint so far; None before the first one, or if it is lost."""
        return self.checkpoint.best if self.best_is_whole else None

    def differences(self, config: Config, environment: Environment | None = None) -> Differences:
        """What differs from the checkpoint, with the requested change: more epochs."""
        changes = differences(
            self.checkpoint, config, environment, best_is_whole=self.best_is_whole
        )
        was, now = self.checkpoint.config.training.epochs, config.training.epochs
        return changes if was == now else {**changes, EPOCHS: (was, now)}

    def check(self, config: Config, environment: Environment | None = None) -> None:
        """Raise `UsageError` with the differences known so far, unless they are allowed."""
        changes = self.differences(config, environment)
        changes.pop(EPOCHS, None)
        if changes and not self.differences_allowed:
            where = str(self.run.path)
            told = self._told(changes, environment)
            problems = [Problem(f"{name}: was {a}, is {b}", where) for name, a, b in told]
            remedy = f"{option('allow-differences')} resumes all the same and records them"
            result = "the result would differ from that of an uninterrupted run"
            raise UsageError(*problems, Problem(result, where, remedy=remedy))

    def check_code(self, folder: Path) -> None:
        """Raise `UsageError` if modules of custom code in `folder` differ, unless that is allowed.

        For a run that is not trained further, whose code is not imported.
        """
        if self.differences_allowed:
            return
        problems = [
            Problem(f"{key}: was {was!s:.8}, is {now:.8}", str(self.run.path))
            for key, was in self.checkpoint.identity.items()
            for now in _module_hash(key, folder)
            if now != was
        ]
        if problems:
            raise UsageError(*problems)

    def check_classes(self, classes: tuple[str, ...]) -> None:
        """Raise `UsageError` if the data have other classes than the trained model."""
        if classes != self.checkpoint.classes:
            was, now = (f"{', '.join(names):.60}" for names in (self.checkpoint.classes, classes))
            raise UsageError(f"its classes are {was}, those of the data {now}", where=self.run.path)

    def is_complete(self, config: Config) -> bool:
        """Whether training is complete."""
        cursor = self.checkpoint.cursor
        if cursor.step:
            return False
        return cursor.epoch >= config.training.epochs or self.early_stop(config) is not None

    def early_stop(self, config: Config) -> str | None:
        """Why early stopping ended training before its last epoch; None if it did not."""
        return TrainingControl(config.training, self.checkpoint.history).early_stop

    @property
    def is_reported(self) -> bool:
        """Whether the run is complete, with its report."""
        try:
            history = read_history(self.run.path)
        except MtrainError:
            return False
        same = history.epoch == self.checkpoint.history.epoch
        return same and bool(history.segments) and history.segments[-1].ended == "finished"

    @property
    def history(self) -> History:
        """The history so far, with the ends of segments from `history.json`."""
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
        """Notes before training continues with these differences."""
        for problem in self.damaged:
            yield f"{problem}; an older checkpoint is used."
        for name, was, now in self._told(changes, environment):
            yield f"{name} was {was}, is {now}."
        if _are_other_rows(changes) and ROWS in self.checkpoint.config.diagnostics:
            yield "When rows are learned is counted anew: they are others, or in another order."
        yield f"Resuming from {self.path}."

    def state(self, shapes: Shapes, changes: Differences) -> TrainingState:
        """The state to restore; raises `MtrainError` for arrays that are not of `shapes`.

        With differences for which rows are others, without what is known of each row.
        """
        without = (OF_ROWS,) if _are_other_rows(changes) else ()
        kept = {name: shape for name, shape in shapes.items() if not name.startswith(without)}
        arrays = read_checkpoint_arrays(self.path, kept, *GROUPS, without=without)
        return TrainingState(arrays, self.checkpoint.cursor)

    def _told(
        self, changes: Differences, environment: Environment | None
    ) -> Iterator[tuple[str, str, str]]:
        """Name, old and new value of each; if the data differ, their splits are left out."""
        for key, (was, now) in changes.items():
            if key == DATA or DATA not in changes or not key.startswith(("data.", "splits.")):
                name = self._data(environment) if key == DATA and environment else key
                yield name, _shown(was), _shown(now)

    def _data(self, environment: Environment) -> str:
        """The name of the data in a note: the splits that have changed, and the source."""
        now = identity(environment)
        parts = [key for key in now if key.startswith("data.") and key != DATA]
        changed = [
            SPLITS[key.removeprefix("data.")]
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
    writable: bool = True,
    function: str | None = None,
) -> Settings:
    """The settings of the run directory at `path`, with `overrides` by dotted path.

    `function` is as for `read_settings`. Raises `UsageError` if they name custom code, unless
    `allow_code`, and `MtrainError` if the run must be `writable` and is not.
    """
    run = RunDirectory(path)
    run.check_is_run(writable=writable)
    run.refuse_links()
    run.refuse_ensemble("name one of its members, or train its config.yaml by `mtrain fit`")
    settings = read_settings(run.config, overrides, function=function)
    refuse_code(settings.validate().custom_code.values(), path, allowed=allow_code)
    return settings


def find_resumption(
    run: RunDirectory, config: Config, *, differences_allowed: bool
) -> Resumption | None:
    """The point from which `run` continues with `config`; None if it has no checkpoint yet.

    Raises `MtrainError` if every checkpoint is damaged, `UsageError` if the config differs from the
    run's and that is not allowed.
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
    before, now = _figures(checkpoint.config), _figures(config)
    if differing := [key for key in now if checkpoint.history.epoch and before[key] != now[key]]:
        raise UsageError(
            f"other {' and '.join(differing)} than before: the history would have other columns",
            where=run.path,
            remedy="train into another folder",
        )
    resumption.check(config)
    return resumption


def _check_unfinished(run: RunDirectory) -> None:
    """If there is a result, but no checkpoint, nothing may be overwritten.

    A run that was killed or failed before its first checkpoint has no result.
    """
    saved = (run.checkpoints / "last").exists()
    with suppress(MtrainError):  # no history: it was killed before there was a result
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
        problem = (
            f"must be at least {begun} (epoch {begun} has begun), got {config.training.epochs}"
        )
        raise SettingError((("training", "epochs"), problem))


def _are_other_rows(changes: Differences) -> bool:
    """Whether training rows are others, or may come more or less often."""
    return any(key.startswith(OTHER_ROWS) for key in changes)


def _figures(config: Config) -> dict[str, Any]:
    """What decides the columns of a history, by dotted key."""
    return {
        "metrics": config.metrics,
        "diagnostics": config.diagnostics,
        "dataset.validation": config.dataset.validation is not None,
        "evaluation.threshold": config.evaluation.rule is not None,
        "evaluation.calibrate": config.evaluation.calibrate,
    }


def _settings(config: Config) -> dict[str, Any]:
    """The settings that would change a run's results, by dotted key."""
    flat = flat_settings(config)
    return {key: value for key, value in flat.items() if not key.startswith(FREE)}


def _shown(value: Any) -> str:
    """A setting, or enough digits of a hash to tell two apart."""
    text = "not set" if value is None else str(value)
    return text[:8] if re.fullmatch("[0-9a-f]{64}", text) else text


def _module_hash(key: str, folder: Path) -> Iterator[str]:
    """The SHA-256 of the module that this key of an identity names, if it is in `folder`."""
    name = key.removeprefix("code.")
    files = (place / name for place in code_folders(folder) if name != key)
    if (file := next((file for file in files if file.is_file()), None)) is not None:
        yield sha256(read_bytes(file, LARGEST_MODULE)).hexdigest()
