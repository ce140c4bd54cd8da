"""The trackers of a config: TensorBoard, MLflow, and those of installed packages; what each tracker needs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from mtrain.config.loading.plugins import TRACKER_GROUP, load_entry
from mtrain.errors import MtrainError, SettingError
from mtrain.trackers.tensorboard import TensorBoard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.observer import Observer
    from mtrain.trackers.tracked import TrackedRun

NEEDED = {
    "tensorboard": ("tensorboard", "TensorBoard"),
    "mlflow": ("mlflow", "MLflow"),
    "wandb": ("wandb", "W&B"),
    "trackio": ("trackio", "Trackio"),
}
"""The package of each tracker, and its name for people; its extra is named as the tracker."""


def check_trackers(config: Config) -> None:
    """Raise `SettingError` for a tracker that is requested and not installed."""
    asked = {"tensorboard": config.tracking.tensorboard, "mlflow": config.tracking.mlflow}
    problems = [
        (("tracking", name), problem)
        for name, setting in asked.items()
        if setting and (problem := missing_package(name)) is not None
    ]
    if problems:
        raise SettingError(*problems)


def missing_package(name: str) -> str | None:
    """That the package of this tracker is not installed, and what installs it; None: it is."""
    package, title = NEEDED[name]
    if find_spec(package) is not None:
        return None
    return f"{title} is not installed; `pip install 'mtrain[{name}]'` installs it"


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
