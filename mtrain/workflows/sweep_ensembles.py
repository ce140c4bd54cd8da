"""The ensembles of a sweep, one a setting, beside its members."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError
from mtrain.records.sweep import EnsembleResult, ModelFigures
from mtrain.run.directory import ENSEMBLE, RunDirectory, refuse_link
from mtrain.run.metrics import read_report
from mtrain.workflows.ensemble import make_ensemble
from mtrain.workflows.sweep_result import BY_HALVING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.loading.members import SweepPlan
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberResult, SettingResult, SweepResult
    from mtrain.report.drawing import Draw


def with_ensembles(
    plan: SweepPlan, folder: Path, result: SweepResult, draw: Draw | None
) -> SweepResult:
    """The result with the ensemble of each setting whose members are all finished.

    They are run directories in `ensemble/`, a folder a setting, or that folder itself if there is one
    setting. Notes say which settings have none, and why; of those that halving stopped nothing is said.
    `draw` is as for `make_ensemble`.
    """
    settings, notes = [], list(result.notes)
    for number, setting in enumerate(result.settings):
        of_it = "" if len(result.settings) == 1 else f" of {setting.name}"
        place = folder / ENSEMBLE
        place = place if len(plan.values) == 1 else place / setting.name
        members = [one for one in result.members if one.setting == number]
        missing = [one for one in members if one.state != "finished"]
        if missing:
            if any(one.problem != BY_HALVING for one in missing):
                states = ", ".join(f"{one.member} {_ended(one)}" for one in missing)
                notes.append(f"no ensemble{of_it}: {states}")
            settings.append(setting)
            continue
        try:
            for part in (folder / ENSEMBLE, place):
                refuse_link(part)
            make_ensemble(place, [folder / name for name in setting.members], draw)
            ensemble = _beside(place, folder, setting, members, result)
        except MtrainError as error:
            notes.append(f"no ensemble{of_it}: {error}")
            settings.append(setting)
            continue
        settings.append(replace(setting, ensemble=ensemble))
    return replace(result, settings=tuple(settings), notes=tuple(notes))


def _ended(member: MemberResult) -> str:
    """`diverged`, `is waiting`."""
    return member.state if member.state in {"diverged", "failed"} else f"is {member.state}"


def _beside(
    place: Path,
    folder: Path,
    setting: SettingResult,
    members: Sequence[MemberResult],
    result: SweepResult,
) -> EnsembleResult:
    """The ensemble's figures on test, beside those of its members."""
    own = read_report(RunDirectory(place).evaluations / "test")
    each = [
        model_figures(read_report(RunDirectory(folder / name).evaluations / "test"))
        for name in setting.members
    ]
    best = _best(members, each, result)
    return EnsembleResult(
        folder=place.relative_to(folder).as_posix(),
        classes=len(own.classes),
        figures=model_figures(own),
        best_member=members[best].member,
        best=each[best],
        mean=_mean(each),
    )


def model_figures(report: Report) -> ModelFigures:
    """Those of an evaluation."""
    recalls = [one.recall for one in report.classes if one.recall is not None]
    return ModelFigures(
        accuracy=report.accuracy,
        recall_macro=report.averages.macro.recall,
        log_loss=report.log_loss,
        lowest_recall=min(recalls, default=None),
        learned=sum(one.verdict == "learned" for one in report.classes),
    )


def _best(
    members: Sequence[MemberResult], figures: Sequence[ModelFigures], result: SweepResult
) -> int:
    """The place of the best member by validation; without that, by accuracy on test."""
    values = [one.value for one in members]
    sign = 1 if result.higher_is_better else -1
    if result.by is None or any(value is None for value in values):
        values, sign = [one.accuracy for one in figures], 1
    return int(np.argmax([-np.inf if value is None else sign * value for value in values]))


def _mean(figures: Sequence[ModelFigures]) -> ModelFigures:
    """The mean of each figure; undefined where one of them is."""

    def mean(name: str) -> float | None:
        values = [getattr(one, name) for one in figures]
        return None if None in values else float(np.mean(values))

    return ModelFigures(
        accuracy=mean("accuracy"),
        recall_macro=mean("recall_macro"),
        log_loss=mean("log_loss"),
        lowest_recall=mean("lowest_recall"),
        learned=float(np.mean([one.learned for one in figures])),
    )
