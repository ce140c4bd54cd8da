"""The trackers of a config: TensorBoard, and those of installed packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.loading.plugins import TRACKER_GROUP, load_entry
from mtrain.errors import MtrainError
from mtrain.trackers.tensorboard import TensorBoard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.config.experiment.schema import Config
    from mtrain.observer import Observer
    from mtrain.run.directory import RunDirectory


def make_trackers(config: Config, run: RunDirectory) -> Iterator[Observer]:
    """Observers of a training that is kept in `run`; raises `MtrainError` for one that fails."""
    if config.tracking.tensorboard:
        yield TensorBoard(run.tensorboard)
    for name, setting in config.tracking.installed.items():
        if setting is None or setting is False:
            continue
        try:
            yield load_entry(TRACKER_GROUP, name)(setting, run.path)
        except Exception as error:
            raise MtrainError(f"tracking.{name} cannot begin: {error}") from error
