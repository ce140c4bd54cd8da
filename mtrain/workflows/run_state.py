"""How far a run is: running, finished, or how its training ended before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.run.lock import is_locked
from mtrain.training.control import TrainingControl

if TYPE_CHECKING:
    from mtrain.config.experiment.schema import Config
    from mtrain.metrics.history import History
    from mtrain.run.directory import RunDirectory


def run_state(run: RunDirectory, config: Config, history: History) -> str:
    """`running`, `finished`, `finished, not reported`, `diverged`, `failed`, `killed`, `stopped by …`.

    `config` and `history` are the run's own.
    """
    if is_locked(run.path):
        return "running"
    ended = history.segments[-1].ended
    if ended is not None and ended in {"finished", "diverged", "failed"}:
        return ended
    is_trained = len(history.epoch) >= config.training.epochs
    if is_trained or TrainingControl(config.training, history).early_stop is not None:
        return "finished, not reported"
    return "killed" if ended is None else f"stopped by {ended}"
