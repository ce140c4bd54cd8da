"""Successive halving: the worse settings of a sweep are stopped before their end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomMetric
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.monitor import higher_is_better
from mtrain.run.history import read_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.experiment.halving import Halving
    from mtrain.config.loading.members import Member, SweepPlan
    from mtrain.observer import SweepObserver
    from mtrain.records.sweep import MemberResult
    from mtrain.training.signals import Received
    from mtrain.workflows.sweep_groups import Train


def halving_figure(halving: Halving, plan: SweepPlan, by: str | None) -> str:
    """The figure of the history by which settings are stopped; `by` is that of the ranking.

    Raises `UsageError` if some member's history will not have it, or if halving would do nothing.
    """
    figure = halving.by or by or "loss"
    configs = [member.config for member in plan.members]
    if any(figure not in config.monitors for config in configs):
        known = ", ".join(configs[0].monitors[:8])
        problem = f"by: {figure!r:.60} is not a figure of every member's history, as {known} are"
        raise UsageError(problem, where=option("halving"))
    base = figure.removeprefix("val_")
    is_custom = any(isinstance(m, CustomMetric) and m.object == base for m in configs[0].metrics)
    if is_custom and figure != configs[0].save_best:
        problem = f"by: whether lower or higher {figure!r} is better is not known"
        remedy = f"set training.save_best: {{monitor: {figure}, mode: min}}, or mode: max"
        raise UsageError(problem, where=option("halving"), remedy=remedy)
    if halving.every >= (epochs := max(config.training.epochs for config in configs)):
        problem = f"every: must be below training.epochs, {epochs:,}, got {halving.every:,}"
        raise UsageError(problem, where=option("halving"))
    return figure


def train_by_halving(
    halving: Halving,
    plan: SweepPlan,
    by: str,
    folder: Path,
    train: Train,
    observer: SweepObserver,
    received: Received,
) -> list[MemberResult]:
    """Train all settings for some epochs, the better ones for as many more, until their end.

    The choices depend on the histories alone, so that a resumed sweep makes the same. `by` is the
    figure; a setting of several members has their mean, one with an undefined value is the worst.
    Returns the results of those that were trained.
    """
    members = plan.members
    results: dict[str, MemberResult] = {}
    lost: set[str] = set()
    settings = list(range(len(plan.values)))
    last = max(member.config.training.epochs for member in members)
    config = members[0].config
    mode = config.save_best_mode if by == config.save_best else None
    sign = -1 if higher_is_better(by, mode) else 1
    for epoch in range(halving.every, last, halving.every):
        if len(settings) == 1:
            break
        chosen = [m for m in members if m.setting in settings and m.name not in lost]
        results |= {result.member: result for result in train(chosen, epoch)}
        lost |= {name for name, one in results.items() if one.state in {"diverged", "failed"}}
        if received.signals:
            return list(results.values())
        values = [
            _mean([one for one in members if one.setting == setting], folder, by, epoch)
            for setting in settings
        ]
        # The worst of all is what is undefined; of equal ones the first are kept.
        order = sorted(zip([sign * v for v in values], settings, strict=True), key=_nan_last)
        kept = sorted(setting for _, setting in order[: halving.kept(len(settings))])
        if len(kept) < len(settings):
            observer.note(
                f"After epoch {epoch:,}: {len(kept):,} of {len(settings):,} settings are trained "
                f"further, by {by}."
            )
        settings = kept
    chosen = [m for m in members if m.setting in settings and m.name not in lost]
    results |= {result.member: result for result in train(chosen, None)}
    return list(results.values())


def _nan_last(of: tuple[float, int]) -> tuple[bool, float]:
    return math.isnan(of[0]), 0.0 if math.isnan(of[0]) else of[0]


def _mean(members: Sequence[Member], folder: Path, by: str, epoch: int) -> float:
    """The mean of the members' figures after `epoch`, or after the last of those that ended early.

    NaN if one of them has not come so far, as it diverged.
    """
    values = []
    for member in members:
        try:
            history = read_history(folder / member.name)
        except MtrainError:
            return math.nan
        n = len(history.epoch)
        if not n or (n < epoch and history.segments[-1].ended != "finished"):
            return math.nan
        values.append(history.monitored(by, min(epoch, n) - 1))
    return sum(values) / len(values)
