"""Give a tracker what it lacks of a run, or of a sweep and its members."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.experiment.training import without_password
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.records.tracking import Logged
from mtrain.run.directory import SWEEP, RunDirectory, refuse_link
from mtrain.run.tracking import remember_logged
from mtrain.trackers.mlflow import open_mlflow, replay_sweep
from mtrain.trackers.of_config import NEEDED, missing_package
from mtrain.trackers.replay import replay
from mtrain.workflows.tracked import read_tracked, read_tracked_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.trackers.replay import Kept
    from mtrain.trackers.tracked import TrackedRun


def log(folder: Path, to: str) -> Iterator[Logged]:
    """Log the run in `folder`, or the sweep and its members, to `TRACKER` or `TRACKER=URI`.

    The URI is that of an MLflow, the folder of TensorBoard's event files, or the project of W&B and
    Trackio. A second time nothing is added. Raises `UsageError` for a tracker that is unknown or not
    installed, `MtrainError` for a run that cannot be read, and for a tracker that does not answer.
    """
    tracker, _, uri = to.partition("=")
    if tracker not in NEEDED:
        expected = f"choose one of {', '.join(sorted(NEEDED))}, or TRACKER=URI"
        raise UsageError(f"{expected}, got {to!r}", where=option("to"))
    if (problem := missing_package(tracker)) is not None:
        raise UsageError(problem, where=option("to"))
    if tracker == "mlflow":
        _check_address(uri)
    if (folder / SWEEP).is_file():
        yield from _log_sweep(folder, tracker, uri or None)
        return
    yield _log(RunDirectory(folder), tracker, uri or None)


def _check_address(uri: str) -> None:
    """Raise `UsageError` without an address of MLflow, or for one that cannot be used."""
    if not uri and "MLFLOW_TRACKING_URI" not in os.environ:
        problem = "names no server; write mlflow=URI, or set MLFLOW_TRACKING_URI"
        raise UsageError(problem, where=option("to"))
    if uri and "://" not in uri:
        raise UsageError(f"mlflow={uri}: no address, as http://localhost:5000", where=option("to"))
    is_database = uri.partition("://")[0] not in {"", "http", "https", "databricks"}
    if is_database and find_spec("sqlalchemy") is None:
        problem = f"{uri.partition('://')[0]}: a database needs all of MLflow; `pip install mlflow`"
        raise UsageError(problem, where=option("to"))
    try:
        without_password(uri)
    except ValueError as error:
        raise UsageError(str(error), where=option("to")) from error


def _log(run: RunDirectory, tracker: str, uri: str | None) -> Logged:
    run.check_is_run(writable=False)
    run.refuse_links()
    tracked = read_tracked(run)
    if tracked.state == "running" and tracker == "mlflow":
        raise MtrainError(
            "is being trained; MLflow would get its epochs twice if its training logs them, too",
            where=run.path,
            remedy="log it when it has ended",
        )
    given = replay(tracked, _open(tracked, tracker, uri))
    if given.digest is not None:
        remember_logged(run.path, tracker if uri is None else f"{tracker}={uri}", given.digest)
    return Logged(str(run.path), tracked.state, given.where, given.epochs, given.outcome)


def _open(run: TrackedRun, tracker: str, uri: str | None) -> Kept:
    if tracker == "mlflow":
        return open_mlflow(run, uri)
    if tracker == "wandb":
        from mtrain.trackers.wandb import WandbRun

        return WandbRun(run, uri)
    if tracker == "trackio":
        from mtrain.trackers.trackio import TrackioRun

        return TrackioRun(run, uri)
    from mtrain.trackers.tensorboard import TensorBoardRun

    if uri is None:
        return TensorBoardRun(run.path / "tensorboard")
    # Of several runs in one folder each has one of its own.
    return TensorBoardRun(Path(uri, f"{run.identity.name}-{run.identity.id[:8]}"))


def _log_sweep(folder: Path, tracker: str, uri: str | None) -> Iterator[Logged]:
    """The members that have begun, then what all of them show."""
    for member in sorted(path.parent for path in folder.glob("*/history.json")):
        refuse_link(member)
        yield _log(RunDirectory(member), tracker, uri)
    if tracker == "mlflow":  # the others have groups of runs
        sweep = read_tracked_sweep(folder)
        given = replay_sweep(sweep, uri)
        yield Logged(str(folder), sweep.state, given.where, given.epochs, given.outcome)
