"""What the files of a sweep's members show: of each, and of the settings."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError
from mtrain.metrics.sweep import accuracy_of_setting, f1_of_setting, judge_settings, score_rows
from mtrain.records.sweep import MemberResult, SettingResult, SplitFigures, SweepResult
from mtrain.run.directory import RunDirectory
from mtrain.run.history import read_history
from mtrain.run.metrics import read_report
from mtrain.run.predictions import PREDICTIONS, read_predictions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.config.loading.members import Member, SweepPlan
    from mtrain.metrics.history import History
    from mtrain.metrics.sweep import Ranking, Rows
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberState

NOT_EVALUATED = "not evaluated"

BY_HALVING = "by halving"


def has_trained(result: MemberResult, until: int | None) -> bool:
    """Whether a member is finished, or was stopped by halving after epoch `until` or later."""
    if result.state == "finished":
        return True
    return until is not None and result.problem == BY_HALVING and result.epochs >= until


def read_member(
    member: Member,
    folder: Path,
    by: str | None,
    state: MemberState | None = None,
    problem: str | None = None,
) -> MemberResult:
    """The result of a member by the files in its folder; `state` and `problem` if they are known."""
    result = MemberResult(
        member.name, member.setting, member.seed, member.fold, state or "waiting", problem
    )
    run = RunDirectory(folder / member.name)
    try:
        history = read_history(run.path)
    except MtrainError:
        return result
    if state is None:
        state, problem = _ended(history)
    result = replace(result, state=state, problem=problem, epochs=len(history.epoch))
    if state != "finished":
        return result
    val = None
    try:
        test = read_report(run.evaluations / "test")
        if member.config.dataset.validation is not None:
            val = read_report(run.evaluations / "val")
    except MtrainError:
        # Removed, or it was trained to its end alone, by `mtrain resume`.
        return replace(result, state="stopped", problem=NOT_EVALUATED)
    return replace(
        result,
        checkpoint=test.checkpoint,
        trained_on=_trained_on(member.config, history),
        value=_value(history, test.checkpoint, by, val),
        test=_figures(test),
        val=None if val is None else _figures(val),
    )


def make_result(
    plan: SweepPlan, folder: Path, results: Sequence[MemberResult], ranking: Ranking
) -> SweepResult:
    """What the members' files show of the settings."""
    members = {result.member: result for result in results}
    validation: dict[str, Rows] = {}
    tested: dict[str, Rows] = {}
    for result in results:
        if result.state != "finished":
            continue
        evaluations = RunDirectory(folder / result.member).evaluations
        if (rows := _rows(evaluations / "val", by_loss=ranking.by_loss)) is not None:
            validation[result.member] = rows
        if (rows := _rows(evaluations / "test", by_loss=False)) is not None:
            tested[result.member] = rows
    summary = summarize_settings(plan, results, ranking)
    settings = []
    for setting in summary.settings:
        own = [members[name] for name in setting.members]
        accuracy, f1_macro = accuracy_of_setting(own, tested), f1_of_setting(own)
        settings.append(replace(setting, accuracy=accuracy, f1_macro=f1_macro))
    judged, best = judge_settings(settings, members, validation, ranking)
    compared_by = None
    of_best = [] if best is None else [validation.get(name) for name in settings[best].members]
    notes = list(summary.notes)
    if kept := [one for one in of_best if one is not None]:
        n = len(np.unique(np.concatenate([one.rows for one in kept])))
        compared_by = f"{ranking.compared_by} of {n:,} validation rows"
        groups = [one.groups for one in kept if one.groups is not None]
        if groups:
            compared_by += f" of {len(np.unique(np.concatenate(groups))):,} groups"
        apart = [
            one for one in judged if one.comparison == "not compared" and one.value is not None
        ]
        if any(name in validation for one in apart for name in one.members):
            notes.append(
                f"settings that were validated on other rows than the best are not compared: their "
                f"{ranking.by} is of those rows"
            )
    return replace(
        summary, settings=tuple(judged), best=best, compared_by=compared_by, notes=tuple(notes)
    )


def summarize_settings(
    plan: SweepPlan, results: Sequence[MemberResult], ranking: Ranking
) -> SweepResult:
    """The settings with the means of their values, not yet compared."""
    by_setting: dict[int, list[MemberResult]] = {k: [] for k in range(len(plan.values))}
    for result in results:
        by_setting[result.setting].append(result)
    names = {member.setting: member.setting_name for member in plan.members}
    settings = []
    for place, values in enumerate(plan.values):
        own = by_setting[place]
        finished = [one for one in own if one.state == "finished"]
        defined = [one.value for one in finished if one.value is not None]
        settings.append(
            SettingResult(
                name=names[place],
                values=values,
                members=tuple(one.member for one in own),
                finished=len(finished),
                value=float(np.mean(defined)) if len(defined) == len(own) else None,
                comparison="not compared",
                p=None,
                accuracy=None,
                f1_macro=None,
            )
        )
    return SweepResult(
        name=plan.name,
        by=ranking.by,
        higher_is_better=ranking.higher_is_better,
        compared_by=None,
        axes=tuple(axis.key for axis in plan.axes),
        seeds=plan.seeds,
        folds=plan.folds,
        members=tuple(results),
        settings=tuple(settings),
        best=None,
        notes=() if ranking.note is None else (ranking.note,),
    )


def _ended(history: History) -> tuple[MemberState, str | None]:
    match history.segments[-1].ended if history.segments else None:
        case "finished" | "diverged" | "failed" as ended:
            return ended, None
        case None:
            return "stopped", "killed"
        case "halving":
            return "stopped", BY_HALVING
        case ended:
            return "stopped", f"by {ended}"


def _value(history: History, checkpoint: str, by: str | None, val: Report | None) -> float | None:
    """The figure called `by` at a checkpoint; None if it is undefined there."""
    if by is None:
        return None
    if by == "val_accuracy" and val is not None:
        return val.accuracy  # whether or not accuracy is among the metrics
    if val is not None and val.calibration is not None and val.calibration.temperature is not None:
        # The history has those without the temperature, and rows are compared with it.
        calibrated = {"val_loss": val.loss, "val_log_loss": val.log_loss}
        if by in calibrated:
            return calibrated[by]
    epoch = int(checkpoint.removeprefix("epoch-"))
    value = history.monitored(by, epoch - 1)
    return value if math.isfinite(value) else None


def _trained_on(config: Config, history: History) -> int | None:
    """Rows of the training; None if an epoch is a part of them, or folds follow time."""
    follows_time = getattr(config.dataset, "time", None) is not None
    if config.training.steps_per_epoch is not None or follows_time:
        return None
    return int(history.class_counts("train", 0).support.sum())


def _figures(report: Report) -> SplitFigures:
    macro = report.averages.macro
    return SplitFigures(
        report.n, report.loss, report.accuracy, macro.precision, macro.recall, macro.f1
    )


def _rows(folder: Path, *, by_loss: bool) -> Rows | None:
    """The scores of an evaluation's rows; None if its predictions were not kept."""
    if not (folder / PREDICTIONS).exists():
        return None
    predictions, rows = read_predictions(read_report(folder), folder)
    return score_rows(predictions, rows, by_loss=by_loss)
