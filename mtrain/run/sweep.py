"""The files of a sweep: `sweep.yaml`, by which it is recognised, `sweep.json` and `sweep.csv`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from mtrain.config.catalog.writer import dump
from mtrain.config.loading.axes import value_text
from mtrain.config.loading.load import flat
from mtrain.config.loading.reader import parse
from mtrain.errors import MtrainError, UsageError
from mtrain.records.sweep import SweepDescription, SweepResult
from mtrain.run.directory import SWEEP
from mtrain.run.files import json_text, read_bytes, read_json, write_csv, write_text
from mtrain.run.reading import of_schema, reading, validated

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from mtrain.records.sweep import MemberResult, SplitFigures

SCHEMA = 1

PLAN = SWEEP
RESULT = "sweep.json"
TABLE = "sweep.csv"

POOLED = "evaluation"
"""The folder of evaluations of all folds together, one a setting."""

LARGEST_PLAN = 100_000_000
"""Bytes."""

LONGEST_FOLDER = 255
"""Bytes of its name."""

SPLIT_COLUMNS = ("loss", "accuracy", "precision_macro", "recall_macro", "f1_macro")


def write_plan(plan: Mapping[str, Any], folder: Path) -> None:
    """Write what the sweep trains, as `describe_sweep` has it."""
    write_text(folder / PLAN, dump({"schema": SCHEMA, **plan}))


def check_plan(plan: Mapping[str, Any], folder: Path) -> None:
    """Raise `UsageError` with the differences if the sweep in `folder` is another one.

    `MtrainError` if it cannot be read.
    """
    was = _plan_data(folder / PLAN)
    if not isinstance(was, dict) or was.pop("schema", None) != SCHEMA:
        raise MtrainError("not a sweep as mtrain writes it", where=folder / PLAN)
    # Read back as it would be, so that 0.10 is 0.1 on both sides.
    before, now = flat(was), flat(parse(dump(dict(plan)), "sweep").data)
    different = [key for key in dict.fromkeys([*now, *before]) if before.get(key) != now.get(key)]
    if different:
        key = different[0]
        more = f", and {len(different) - 1:,} more" if len(different) > 1 else ""
        problem = f"is another sweep: {key} was {before.get(key)}, is {now.get(key)}{more}"
        raise UsageError(problem, where=folder, remedy="take another folder, or its own settings")


def is_member(name: str, folder: Path) -> bool:
    """Whether `folder` is a sweep's, and its plan has a member of this name; whatever is wrong with it."""
    try:
        plan = _plan_data(folder / PLAN)
    except MtrainError:
        return False
    members = plan.get("members") if isinstance(plan, dict) else None
    return isinstance(members, dict) and plan.get("schema") == SCHEMA and name in members


def read_plan(folder: Path) -> SweepDescription:
    """What the sweep in `folder` trains; raises `MtrainError` if it is not as mtrain writes it."""
    path = folder / PLAN
    data = _plan_data(path)
    with reading(path, "a sweep"):
        plan = validated(TypeAdapter(SweepDescription), of_schema(data, SCHEMA))
    if not plan.members:
        raise MtrainError("has no member", where=path)
    _check_folders(list(plan.members), path)
    return plan


def plan_text(plan: SweepDescription) -> str:
    """As YAML, without the members."""
    data = asdict(plan)
    del data["members"]
    return dump(data)


def _plan_data(path: Path) -> Any:
    content = read_bytes(path, LARGEST_PLAN).decode(errors="replace")
    try:
        return parse(content, str(path)).data
    except UsageError as error:
        raise MtrainError(*error.problems) from error  # nobody's config: it was damaged


def write_result(result: SweepResult, folder: Path) -> None:
    """Write `sweep.json` and `sweep.csv`."""
    write_text(folder / RESULT, json_text(result_as_json(result)))
    write_csv(folder / TABLE, _header(result), _rows(result))


def result_as_json(result: SweepResult) -> dict[str, Any]:
    """The content of `sweep.json`."""
    return {"schema": SCHEMA, **asdict(result)}


def read_result(folder: Path) -> SweepResult:
    """The results in the `sweep.json` of `folder`.

    Raises `MtrainError` if it is missing, or not as mtrain writes it.
    """
    path = folder / RESULT
    data = read_json(path)
    with reading(path, "a sweep"):
        return validated(TypeAdapter(SweepResult), of_schema(data, SCHEMA))


def read_whole_result(folder: Path) -> SweepResult:
    """`read_result`, of which every name and place leads to something within the sweep.

    Raises `MtrainError`, also for a stranger's file in which one does not.
    """
    result = read_result(folder)
    _check_names(result, folder / RESULT)
    return result


def best_of_sweep(folder: Path) -> Path:
    """The run directory of the best setting, or the folder of the evaluation of all its folds.

    Raises `MtrainError` if no setting is the best yet, or if it was trained with several seeds.
    """
    result = read_whole_result(folder)
    if result.best is None:
        raise MtrainError("has no best setting yet", where=folder, remedy="name one of its members")
    best = result.settings[result.best]
    if result.folds is not None:
        return folder / POOLED / best.name
    if len(best.members) > 1:
        n = len(best.members)
        problem = f"its best setting was trained with {n:,} seeds"
        raise MtrainError(
            problem, where=folder, remedy=f"name one of them, as {folder / best.members[0]}"
        )
    return folder / best.members[0]


def _check_names(result: SweepResult, path: Path) -> None:
    """Raise `MtrainError` for places and names that no sweep has, as in a stranger's file."""
    settings = result.settings
    places = [*(member.setting for member in result.members), result.best or 0]
    of_members = {member.member for member in result.members}
    is_whole = all(
        setting.members and of_members.issuperset(setting.members) and setting.values.keys() >= axes
        for axes in [set(result.axes)]
        for setting in settings
    )
    if not is_whole or not all(0 <= place < len(settings) for place in places):
        raise MtrainError("names a setting that is not in it", where=path)
    _check_folders([*(setting.name for setting in settings), *of_members], path)
    with reading(path, "a sweep"):  # a value that is nested too deeply to be shown
        for setting in settings:
            for value in setting.values.values():
                value_text(value)


def _check_folders(names: Collection[str], path: Path) -> None:
    """Raise `MtrainError` for a name that is not of a folder in that of the sweep."""
    if any(
        name in {"", ".", ".."} or "\0" in name or PurePath(name).name != name for name in names
    ):
        raise MtrainError("names a folder outside the sweep", where=path)
    if any(len(name.encode()) > LONGEST_FOLDER for name in names):
        raise MtrainError("names a folder that no disk can have", where=path)


def _header(result: SweepResult) -> list[str]:
    return [
        *("member", *result.axes),
        *(["seed"] if result.seeds else []),
        *(["fold"] if result.folds else []),
        *("state", "epochs", "checkpoint"),
        *([] if result.by is None else ["comparison", "p"]),
        *([str(result.by)] if _is_apart(result) else []),
        *(f"{split}_{name}" for split in ("val", "test") for name in SPLIT_COLUMNS),
    ]


def _is_apart(result: SweepResult) -> bool:
    """Whether the figure of the ranking is not among those of the validation."""
    return result.by is not None and result.by not in {f"val_{name}" for name in SPLIT_COLUMNS}


def _rows(result: SweepResult) -> Iterator[list[Any]]:
    """A row a member, those of the best setting first."""
    by_setting: dict[int, list[MemberResult]] = {}
    for member in result.members:
        by_setting.setdefault(member.setting, []).append(member)
    for place in result.ranking:
        setting = result.settings[place]
        for member in by_setting.get(place, []):
            yield [
                *(member.member, *(_cell(setting.values.get(key)) for key in result.axes)),
                *([member.seed] if result.seeds else []),
                *([member.fold] if result.folds else []),
                *(member.state, member.epochs, member.checkpoint),
                *([] if result.by is None else [setting.comparison, setting.p]),
                *([member.value] if _is_apart(result) else []),
                *(*_figures(member.val), *_figures(member.test)),
            ]


def _cell(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else value_text(value)


def _figures(figures: SplitFigures | None) -> list[float | None]:
    return [None if figures is None else getattr(figures, name) for name in SPLIT_COLUMNS]
