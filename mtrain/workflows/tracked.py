"""A run or a sweep as its files have it, for trackers."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mtrain.config.loading.load import flat_settings, load_config
from mtrain.errors import MtrainError
from mtrain.exporting.facts import CHECKPOINT, CHECKPOINT_SHA256
from mtrain.run.checkpoint import checkpoint_sha256
from mtrain.run.directory import EXPORTED, RunDirectory, refuse_link
from mtrain.run.history import read_history
from mtrain.run.lock import is_locked, logging_alone
from mtrain.run.metrics import METRICS, read_report
from mtrain.run.sweep import RESULT, is_member, read_result
from mtrain.run.tracking import read_tracking
from mtrain.trackers.tracked import (
    Identity,
    TrackedModel,
    TrackedRun,
    TrackedSweep,
    began,
    best_figures,
    epoch_times,
    last_done,
)
from mtrain.workflows.run_state import run_state
from mtrain.workflows.sweep_result import BY_HALVING

if TYPE_CHECKING:
    from mtrain.metrics.history import History
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberResult
    from mtrain.run.tracking import Tracking


def read_tracked(run: RunDirectory, state: str | None = None) -> TrackedRun:
    """The run; `state` is that of a run in training, None: as its files and its lock say.

    Raises `MtrainError` for files that are missing, or not as mtrain writes them.
    """
    config = load_config(run.config, {})
    history = _history(run.path)
    tracking = read_tracking(run.path)
    report = _report(run)
    sweep = run.path.absolute().parent
    return TrackedRun(
        identity=_identity(tracking, run.path),
        parent=identify(sweep) if is_member(run.path.absolute().name, sweep) else None,
        path=run.path,
        # Its own address is nothing that a tracker needs to know.
        settings={k: v for k, v in flat_settings(config).items() if not k.startswith("tracking.")},
        history=history,
        state=run_state(run, config, history) if state is None else state,
        report=report,
        logged=tracking.digests,
        read_model=partial(_model, run, report),
    )


def _history(path: Path) -> History:
    """Raises `MtrainError` if its segments do not lead through its epochs."""
    history = read_history(path)
    segments = [segment.epochs for segment in history.segments]
    ends = [0, *(last for _, last in segments)]
    follow = all(first == before + 1 for (first, _), before in zip(segments, ends, strict=False))
    if not segments or not follow or ends[-1] != len(history.epoch):
        raise MtrainError("the segments of its history do not fit its epochs", where=path)
    try:
        deque(epoch_times(history), maxlen=0)
    except (OverflowError, TypeError, ValueError) as error:
        raise MtrainError(
            f"its history has times that there are not: {error!s:.80}", where=path
        ) from error
    return history


def identify(folder: Path) -> Identity:
    """By what trackers know the run or sweep in this folder; raises `MtrainError`."""
    return _identity(read_tracking(folder), folder)


def _identity(tracking: Tracking, folder: Path) -> Identity:
    return Identity(tracking.id, folder.absolute().name, partial(logging_alone, folder))


def _goes_on(member: MemberResult) -> bool:
    """Whether it is not done, and would be resumed; what halving has stopped would not."""
    is_stopped = member.state == "stopped" and member.problem != BY_HALVING
    return is_stopped or member.state == "waiting"


def _model(run: RunDirectory, report: Report | None) -> TrackedModel | None:
    """The exported model, if it is of the checkpoint that was evaluated."""
    packages = ("onnx", "onnxruntime")
    path = run.path / EXPORTED
    if not path.is_file() or report is None or None in map(find_spec, packages):
        return None
    from mtrain.exporting.onnx_file import read_signature

    facts, inputs, outputs = read_signature(path)
    is_of_it = facts.get(CHECKPOINT) == report.checkpoint
    checkpoint = run.checkpoints / report.checkpoint
    if is_of_it and CHECKPOINT_SHA256 in facts and checkpoint.is_dir():
        # A name says the epoch only: of a run that began anew it is another checkpoint's.
        is_of_it = facts[CHECKPOINT_SHA256] == checkpoint_sha256(checkpoint)
    return TrackedModel(path, inputs, outputs) if is_of_it else None


def _report(run: RunDirectory) -> Report | None:
    for split in ("test", "val"):
        if (run.evaluations / split / METRICS).is_file():
            return read_report(run.evaluations / split)
    return None


def read_tracked_sweep(folder: Path, state: str | None = None) -> TrackedSweep:
    """The sweep in this folder; `state` is as for `read_tracked`.

    Raises `MtrainError` for files that are not as mtrain writes them.
    """
    files = ("sweep.yaml", "sweep.json", "sweep.csv", "sweep.png")
    for name in files:
        refuse_link(folder / name)
    result = read_result(folder) if (folder / RESULT).is_file() else None
    if state is None:
        is_finished = result is not None and not any(_goes_on(one) for one in result.members)
        state = "running" if is_locked(folder) else "finished" if is_finished else "killed"
    kept = [Path(name) for name in files if (folder / name).is_file()]
    started, ended = _span(folder)
    if result is None:
        return TrackedSweep(identify(folder), folder, {}, state, started, ended, {}, "", kept)
    return TrackedSweep(
        identity=identify(folder),
        path=folder,
        settings={"axes": result.axes, "seeds": result.seeds, "folds": result.folds},
        state=state,
        started=started,
        ended=datetime.fromtimestamp((folder / RESULT).stat().st_mtime, UTC),
        best=best_figures(result),
        best_setting="" if result.best is None else result.settings[result.best].name,
        files=kept,
    )


def _span(folder: Path) -> tuple[datetime | None, datetime | None]:
    """When its first member began, and when the last epoch of any was done; None: none has begun.

    A member that cannot be read has no part in it.
    """
    starts, ends = [], []
    for path in folder.glob("*/history.json"):
        with suppress(MtrainError):
            history = _history(path.parent)
            starts.append(began(history))
            ends.append(last_done(history))
    return min(starts, default=None), max(ends, default=None)
