"""The folds of a setting as one evaluation, in which no row is tested twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.metrics.calibration import calibration_report
from mtrain.metrics.report import make_report
from mtrain.metrics.rivals import judge_rivals, rival_predictions
from mtrain.records.dataset import Split
from mtrain.records.training import Predictions
from mtrain.run.directory import RunDirectory
from mtrain.run.evaluation import write_evaluation
from mtrain.run.metrics import read_report
from mtrain.run.predictions import PREDICTIONS, read_predictions
from mtrain.run.rivals import read_rivals
from mtrain.run.sweep import POOLED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.loading.members import Member, SweepPlan
    from mtrain.records.arrays import Ints
    from mtrain.records.report import Report
    from mtrain.records.rivals import Rival, TrainedRival
    from mtrain.records.sweep import MemberResult


def keep_pooled_folds(
    plan: SweepPlan, folder: Path, results: Sequence[MemberResult]
) -> dict[int, Report]:
    """Write the evaluation of each setting whose folds are all finished; returns them by its place.

    Of several seeds it is of the first. A setting whose members kept no predictions has none.
    """
    if plan.folds is None:
        return {}
    finished = {result.member for result in results if result.state == "finished"}
    pooled = {}
    for setting in range(len(plan.values)):
        of_setting = [member for member in plan.members if member.setting == setting]
        members = [member for member in of_setting if member.seed == of_setting[0].seed]
        places = [RunDirectory(folder / m.name).evaluations / "test" for m in members]
        if all(member.name in finished for member in members) and all(
            (place / PREDICTIONS).exists() for place in places
        ):
            report = _pool(members[0], places, plan.folds, folder / POOLED)
            pooled[setting] = report
    return pooled


def _pool(member: Member, places: Sequence[Path], folds: int, folder: Path) -> Report:
    """The evaluation of these folds, written into `folder`."""
    reports = [read_report(place) for place in places]
    parts = [read_predictions(*of) for of in zip(reports, places, strict=True)]
    rows = np.concatenate([of_rows for _, of_rows in parts])
    each = [predictions for predictions, _ in parts]
    sizes = [len(one.labels) for one in each]
    known_groups = [one.groups for one in each if one.groups is not None]
    known_weights = [one.weights for one in each if one.weights is not None]
    pooled = Predictions(
        labels=np.concatenate([one.labels for one in each]),
        predicted=np.concatenate([one.predicted for one in each]),
        probabilities=np.concatenate([one.probabilities for one in each]),
        loss=float(np.average([one.loss for one in each], weights=sizes)),
        weights=np.concatenate(known_weights) if len(known_weights) == len(each) else None,
        groups=np.concatenate(known_groups) if len(known_groups) == len(each) else None,
    )
    classes = tuple(one.name for one in reports[0].classes)
    pooled, rivals = _with_rivals(pooled, parts, places, classes)
    report = make_report(
        pooled,
        classes,
        split="test",
        checkpoint=f"{folds} folds" + ("" if member.seed is None else f", seed {member.seed}"),
        required=[member.config.evaluation.require.of(name) for name in classes],
        threshold=reports[0].threshold,
        data=reports[0].data,
        calibration=calibration_report(pooled, None),
        rivals=rivals,
    )
    if len({one.threshold for one in reports}) > 1 and report.data is not None:
        note = "each fold was predicted at its own threshold"
        data = replace(report.data, notes=(*report.data.notes, note))
        report = replace(report, threshold=None, data=data)
    temperatures = {one.calibration.temperature for one in reports if one.calibration is not None}
    if temperatures - {None} and report.data is not None:
        note = "each fold has its own temperature"
        report = replace(report, data=replace(report.data, notes=(*report.data.notes, note)))
    no_features = np.zeros((len(rows), 0), np.float32)
    split = Split(no_features, pooled.labels.astype(np.int32), rows, groups=pooled.groups)
    write_evaluation(folder / member.setting_name, report, pooled, split, ())
    return report


def _with_rivals(
    network: Predictions,
    parts: Sequence[tuple[Predictions, Ints]],
    places: Sequence[Path],
    classes: Sequence[str],
) -> tuple[Predictions, tuple[Rival, ...] | None]:
    """The pooled predictions with the rivals', and these beside the network; None: not all folds have them.

    A problem in one fold is that of the rival.
    """
    each = [
        read_rivals(RunDirectory(place.parent.parent).rivals, "test", rows, len(classes))
        for place, (_, rows) in zip(places, parts, strict=True)
    ]
    if not each[0] or len({tuple(one.name for one in rivals) for rivals in each}) != 1:
        return network, None
    rivals, predicted = [], []
    for folds in zip(*each, strict=True):
        problem = next((one.problem for one in folds if one.problem is not None), None)
        rivals.append(replace(folds[0], problem=problem, threshold=None))
        predicted.append(None if problem is not None else _pooled(network, folds, parts))
    of_rivals = {
        one.name: pooled.predicted
        for one, pooled in zip(rivals, predicted, strict=True)
        if pooled is not None
    }
    judged = judge_rivals(network, rivals, predicted, classes)
    return replace(network, rivals=of_rivals), judged


def _pooled(
    network: Predictions,
    folds: Sequence[TrainedRival],
    parts: Sequence[tuple[Predictions, Ints]],
) -> Predictions:
    """What a rival has predicted of the rows of all folds, in each by its own threshold."""
    each = [
        rival_predictions(one, "test", part) for one, (part, _) in zip(folds, parts, strict=True)
    ]
    return replace(
        network,
        predicted=np.concatenate([one.predicted for one in each]),
        probabilities=np.concatenate([one.probabilities for one in each]),
    )
