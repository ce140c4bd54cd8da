"""Give a tracker what it lacks of a run, or of a sweep and its members."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.experiment.addresses import check_address, mlflow_address
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.run.directory import SWEEP, RunDirectory, refuse_link
from mtrain.run.lock import is_locked, logging_alone
from mtrain.run.tracking import remember_logged
from mtrain.trackers.mlflow import open_mlflow, replay_sweep
from mtrain.trackers.packages import PACKAGES, missing_package
from mtrain.trackers.replay import replay
from mtrain.workflows.tracked import read_tracked, read_tracked_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.errors import Problem
    from mtrain.records.tracking import Logged
    from mtrain.trackers.replay import Kept
    from mtrain.trackers.tracked import TrackedRun

FROM_ENVIRONMENT = "MLFLOW_TRACKING_URI"


def log(folder: Path, to: str) -> Iterator[Logged]:
    """Log the run in `folder`, or the sweep and its members, to `TRACKER` or `TRACKER=URI`.

    The URI is that of an MLflow, the folder of TensorBoard's event files, or the project of W&B and
    Trackio. A second time nothing is added. Raises `UsageError` for a tracker that is unknown or not
    installed, `MtrainError` for a run that cannot be read, and for a tracker that does not answer; of a
    sweep's members that cannot be read after all others are logged.
    """
    tracker, _, uri = to.partition("=")
    if tracker not in PACKAGES:
        expected = f"choose one of {', '.join(sorted(PACKAGES))}, or TRACKER=URI"
        raise UsageError(f"{expected}, got {to!r}", where=option("to"))
    address = _address(uri) if tracker == "mlflow" else ""
    if (problem := missing_package(tracker, address)) is not None:
        raise UsageError(problem, where=option("to"))
    if (folder / SWEEP).is_file():
        yield from _log_sweep(folder, tracker, uri or None)
        return
    with ExitStack() as held:
        logged = _give(_read(folder, tracker, uri, held), tracker, uri or None)
    yield logged


def _address(uri: str) -> str:
    """That of the MLflow; raises `UsageError` without one, and for one that cannot be used."""
    address = uri or os.environ.get(FROM_ENVIRONMENT, "")
    if not address:
        problem = f"names no server; write mlflow=URI, or set {FROM_ENVIRONMENT}"
        raise UsageError(problem, where=option("to"))
    try:
        # One from the environment may have a password: no file keeps it.
        (mlflow_address if uri else check_address)(address)
    except ValueError as error:
        raise UsageError(str(error), where=option("to") if uri else FROM_ENVIRONMENT) from error
    return address


def _read(folder: Path, tracker: str, uri: str, held: ExitStack) -> TrackedRun:
    """The run as it is once nothing else logs it to this tracker, which `held` then excludes."""
    run = RunDirectory(folder)
    run.check_is_run(writable=False)
    run.refuse_links()
    run.refuse_ensemble("log the sweep with its members")
    # Also before: the training may hold the lock until it ends.
    _refuse_followed(run, tracker, uri)
    held.enter_context(logging_alone(run.path, tracker))
    _refuse_followed(run, tracker, uri)
    return read_tracked(run)


def _refuse_followed(run: RunDirectory, tracker: str, uri: str) -> None:
    """Raise `MtrainError` for a run in training, which may log itself there."""
    if (tracker == "mlflow" or (tracker, uri) == ("tensorboard", "")) and is_locked(run.path):
        _, title = PACKAGES[tracker]
        raise MtrainError(
            f"is being trained; {title} would get its epochs twice if its training logs them, too",
            where=run.path,
            remedy="log it when it has ended",
        )


def _give(run: TrackedRun, tracker: str, uri: str | None) -> Logged:
    kept = _open(run, tracker, uri)
    logged = replay(run, kept)
    if kept.digest is not None:
        to = tracker if uri is None else f"{tracker}={uri}"
        remember_logged(run.path, to, kept.digest, kept.file)
    return logged


def _open(run: TrackedRun, tracker: str, uri: str | None) -> Kept:
    if tracker == "mlflow":
        return open_mlflow(run, uri)
    if tracker == "wandb":
        from mtrain.trackers.wandb import WandbRun

        return WandbRun(run, uri)
    if tracker == "trackio":
        from mtrain.trackers.trackio import TrackioRun

        return TrackioRun(run, uri)
    from mtrain.trackers.event_files import TensorBoardRun

    if uri is None:
        return TensorBoardRun(run.path / "tensorboard", run)
    # Of several runs in one folder each has one of its own.
    return TensorBoardRun(Path(uri, f"{run.identity.name}-{run.identity.id[:8]}"), run)


def _log_sweep(folder: Path, tracker: str, uri: str | None) -> Iterator[Logged]:
    """What all its members show together, then those that have begun."""
    problems: list[Problem] = []
    if tracker == "mlflow":  # the others have groups of runs
        # First, for the run of the sweep began before those of its members.
        try:
            sweep = read_tracked_sweep(folder)
        except MtrainError as error:
            problems += error.problems
        else:
            yield replay_sweep(sweep, uri)
    for member in sorted(path.parent for path in folder.glob("*/history.json")):
        with ExitStack() as held:
            try:
                refuse_link(member)
                run = _read(member, tracker, uri or "", held)
            except MtrainError as error:
                problems += error.problems
                continue
            logged = _give(run, tracker, uri)
        yield logged
    if problems:
        raise MtrainError(*problems)
