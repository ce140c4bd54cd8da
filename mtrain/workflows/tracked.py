"""A run or a sweep as its files have it, for trackers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtrain.config.loading.load import flat_settings, load_config
from mtrain.run.directory import SWEEP, RunDirectory
from mtrain.run.history import read_history
from mtrain.run.lock import is_locked
from mtrain.run.metrics import METRICS, read_report
from mtrain.run.sweep import RESULT, read_result
from mtrain.run.tracking import read_tracking
from mtrain.trackers.tracked import MODEL_FILE, Identity, TrackedModel, TrackedRun, TrackedSweep
from mtrain.workflows.run_state import run_state

if TYPE_CHECKING:
    from mtrain.records.report import Report


def read_tracked(run: RunDirectory, state: str | None = None) -> TrackedRun:
    """The run; `state` is that of a run in training, None: as its files and its lock say.

    Raises `MtrainError` for files that are missing, or not as mtrain writes them.
    """
    config = load_config(run.config, {})
    history = read_history(run.path)
    tracking = read_tracking(run.path)
    sweep = run.path.absolute().parent
    return TrackedRun(
        identity=Identity(tracking.id, run.path.absolute().name),
        parent=identify(sweep) if (sweep / SWEEP).is_file() else None,
        path=run.path,
        settings=flat_settings(config),
        history=history,
        state=run_state(run, config, history) if state is None else state,
        report=_report(run),
        logged=tracking.logged,
        model=_model(run.path / MODEL_FILE),
    )


def identify(folder: Path) -> Identity:
    """By what trackers know the run or sweep in this folder; raises `MtrainError`."""
    return Identity(read_tracking(folder).id, folder.absolute().name)


def _model(path: Path) -> TrackedModel | None:
    if not path.is_file() or find_spec("onnx") is None:
        return None
    from mtrain.exporting.onnx_file import read_signature

    return TrackedModel(path, *read_signature(path))


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
    is_finished = (folder / RESULT).is_file()
    settings: dict[str, Any] = {}
    if is_finished:
        result = read_result(folder)
        settings = {"axes": result.axes, "seeds": result.seeds, "folds": result.folds}
    if state is None:
        state = "running" if is_locked(folder) else "finished" if is_finished else "killed"
    kept = [Path(name) for name in files if (folder / name).is_file()]
    return TrackedSweep(identify(folder), folder, settings, state, kept)
