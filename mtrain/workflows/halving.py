"""Successive halving: the worse settings of a sweep are stopped before their end."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.monitor import higher_is_better
from mtrain.run.history import read_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.experiment.halving import Halving
    from mtrain.config.loading.members import Member
    from mtrain.observer import SweepObserver
    from mtrain.records.sweep import MemberResult
    from mtrain.training.signals import Received
    from mtrain.workflows.sweep_groups import Train


def check_halving(halving: Halving, members: Sequence[Member]) -> None:
    """Raise `UsageError` if some member's history will not have its figure."""
    for member in members:
        if halving.by is not None and halving.by not in member.config.monitors:
            known = ", ".join(member.config.monitors[:8])
            problem = f"by: {halving.by!r:.60} is not a figure of every member, as {known} are"
            raise UsageError(problem, where=option("halving"))


def train_by_halving(
    halving: Halving,
    by: str,
    members: Sequence[Member],
    folder: Path,
    train: Train,
    observer: SweepObserver,
    received: Received,
) -> list[MemberResult]:
    """Train all settings for some epochs, the better ones for as many more, until their end.

    The choices depend on the histories alone, so that a resumed sweep makes the same. `by` is the
    figure; a setting of several members has their mean, one with an undefined value is the worst.
    """
    results: dict[str, MemberResult] = {}
    settings = list(dict.fromkeys(member.setting for member in members))
    last = max(member.config.training.epochs for member in members)
    sign = -1 if higher_is_better(by, members[0].config.save_best_mode) else 1
    for epoch in range(halving.every, last, halving.every):
        if len(settings) == 1 or received.signals:
            break
        chosen = [member for member in members if member.setting in settings]
        results |= {result.member: result for result in train(chosen, epoch)}
        if received.signals:
            break
        values = {
            setting: _mean([m for m in chosen if m.setting == setting], folder, by, epoch)
            for setting in settings
        }
        ranked = sorted(settings, key=lambda k: (math.isnan(values[k]), sign * values[k], k))
        kept = sorted(ranked[: halving.kept(len(settings))])
        if len(kept) < len(settings):
            observer.note(f"After epoch {epoch}: {len(kept):,} of {len(settings):,} go on by {by}.")
        settings = kept
    if not received.signals:
        chosen = [member for member in members if member.setting in settings]
        results |= {result.member: result for result in train(chosen, None)}
    return [results[member.name] for member in members if member.name in results]


def _mean(members: Sequence[Member], folder: Path, by: str, epoch: int) -> float:
    """The mean of the members' figures after `epoch`, or after the last if they ended before; or NaN."""
    values = []
    for member in members:
        try:
            history = read_history(folder / member.name)
        except MtrainError:
            return math.nan
        values.append(
            history.monitored(by, min(epoch, len(history.epoch)) - 1) if history.epoch else math.nan
        )
    return sum(values) / len(values)
