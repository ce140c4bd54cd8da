"""The trackers of a config: TensorBoard, MLflow, and those of installed packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.loading.plugins import TRACKER_GROUP, load_entry
from mtrain.errors import MtrainError, SettingError
from mtrain.trackers.packages import missing_package
from mtrain.trackers.tensorboard import TensorBoard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.observer import Observer
    from mtrain.trackers.tracked import TrackedRun


def check_trackers(config: Config) -> None:
    """Raise `SettingError` for a tracker that is requested and whose package is not installed."""
    tracking = config.tracking
    missing = {
        "tensorboard": missing_package("tensorboard") if tracking.tensorboard else None,
        "mlflow": missing_package("mlflow", tracking.mlflow) if tracking.mlflow else None,
    }
    problems = [(("tracking", name), what) for name, what in missing.items() if what is not None]
    if problems:
        raise SettingError(*problems)


def make_trackers(
    config: Config, run: Path, tensorboard: Path, read: Callable[[str], TrackedRun]
) -> Iterator[Observer]:
    """Observers of a training that is kept in `run`; raises `MtrainError` for one that fails.

    `tensorboard` is the folder of its event files; `read` reads the run's files, given its state.
    """
    if config.tracking.tensorboard:
        yield TensorBoard(tensorboard)
    if config.tracking.mlflow is not None:
        from mtrain.trackers.mlflow import MLflow

        yield MLflow(config.tracking.mlflow, read)
    for name, setting in config.tracking.installed.items():
        if setting is None or setting is False:
            continue
        try:
            yield load_entry(TRACKER_GROUP, name)(setting, run)
        except Exception as error:
            raise MtrainError(f"tracking.{name} cannot begin: {error}") from error
