"""The runs of a folder, and what has come of each so far."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.load import load_config
from mtrain.errors import MtrainError
from mtrain.metrics.counts import ratio
from mtrain.metrics.monitor import Improvement
from mtrain.records import RunOutcome
from mtrain.run.directory import RunDirectory
from mtrain.run.history import read_history
from mtrain.run.lock import refuse_locked

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.metrics.history import History


def list_runs(folder: Path) -> tuple[list[RunOutcome], list[str]]:
    """Those in `folder`, the latest last, and what is wrong with others that cannot be read.

    Raises `MtrainError` where there is no such folder.
    """
    if not folder.is_dir():
        raise MtrainError(f"{folder}: no such folder")
    outcomes, problems = [], []
    for path in sorted(path for path in folder.iterdir() if (path / "config.yaml").is_file()):
        try:
            outcomes.append(_outcome(RunDirectory(path)))
        except MtrainError as error:
            problems.append(str(error))
        except (LookupError, ValueError) as error:
            problems.append(f"{path}: its history and its config do not fit: {error!r:.80}")
    if not outcomes and not problems:
        problems.append(f"no run is in {folder}")
    return sorted(outcomes, key=lambda outcome: outcome.started), problems


def _outcome(run: RunDirectory) -> RunOutcome:
    run.refuse_links()
    config = load_config(run.config, {})
    history = read_history(run.path)
    index = len(history.epoch) - 1
    best = None
    if config.save_best is not None and history.epoch:
        improvement = Improvement(config.save_best, mode=config.save_best_mode)
        for k in range(len(history.epoch)):
            if improvement.add(history.monitored(config.save_best, k)):
                index = k
        best = config.save_best, history.scalars[config.save_best][index]
    return RunOutcome(
        name=run.path.name,
        started=history.segments[0]["started"] or "",
        dataset=config.dataset.name,
        network=str(config.model),
        epochs=len(history.epoch),
        epochs_wanted=config.training.epochs,
        best=best,
        worst_class=_worst_class(history, index) if history.epoch else None,
        state=_state(run, history),
    )


def _worst_class(history: History, index: int) -> tuple[str, float]:
    """That of the lowest F1 in an epoch's validation, or its training where there is none."""
    counts = history.counts.get("val", history.counts["train"])
    tp, fp, fn = (np.array(counts[key][index]) for key in ("tp", "fp", "fn"))
    f1 = ratio(2 * tp, 2 * tp + fp + fn)
    k = int(np.nan_to_num(f1, nan=math.inf).argmin())  # undefined: neither there nor predicted
    return history.classes[k], float(f1[k])


def _state(run: RunDirectory, history: History) -> str:
    ended = history.segments[-1]["ended"]
    if ended is not None:
        return ended if ended in {"finished", "diverged", "failed"} else f"stopped by {ended}"
    try:
        refuse_locked(run.path)
    except MtrainError:
        return "running"
    return "killed"
