"""Show a sweep as one page, from its files alone; needs neither TensorFlow nor the data."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mtrain.config.loading.axes import axes_from_python
from mtrain.config.loading.members import restore_sweep
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.sweep import choose_ranking
from mtrain.report.page.content import SweepPageContent
from mtrain.run.directory import RunDirectory, refuse_link
from mtrain.run.environment import read_environment
from mtrain.run.files import write_text
from mtrain.run.lock import is_locked
from mtrain.run.metrics import read_report
from mtrain.run.saved_evaluation import read_saved_evaluation
from mtrain.run.sweep import PLAN, POOLED, RESULT, plan_text, read_plan, read_whole_result
from mtrain.workflows.sweep_result import BY_HALVING, make_result, read_member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mtrain.records.report import Report
    from mtrain.records.run import Environment
    from mtrain.records.sweep import SweepDescription, SweepResult

PAGE = "report.html"

MOST_JUDGED = 10
"""Members of the best setting whose probabilities are judged: to read the evaluations of hundreds takes seconds."""


def report_sweep(folder: Path, out: Path | None = None, *, is_over: bool = False) -> Path:
    """Write the page of the sweep in `folder`; returns the file: `out`, or its `report.html`.

    `is_over`: the sweep that calls this holds the lock, but trains nothing any more. Raises
    `MtrainError` for files that are not as mtrain writes them, and if the page cannot be written.
    """
    for name in (PLAN, RESULT, POOLED, PAGE):
        refuse_link(folder / name)
    content = read_sweep_page_content(folder, is_running=not is_over and is_locked(folder))

    from mtrain.report.page.sweep_page import html_page

    file = folder / PAGE if out is None else out
    write_text(file, html_page(content))
    return file


def read_sweep_page_content(folder: Path, *, is_running: bool) -> SweepPageContent:
    """All that the page of a sweep shows.

    `sweep.json` has the results; of a sweep that is running, or was killed before it wrote one, the
    files of the members have them. Raises `MtrainError` for damaged files.
    """
    plan = read_plan(folder)
    runs = {name: RunDirectory(folder / name) for name in plan.members}
    for run in runs.values():
        refuse_link(run.path)
    try:
        axes = axes_from_python(plan.axes, "axes")
        if is_running or not (folder / RESULT).is_file():
            result, in_training = _result_so_far(plan, folder)
        else:
            result, in_training = read_whole_result(folder), frozenset[str]()
    except UsageError as error:
        # Of its own settings, not of the command's.
        raise MtrainError(
            f"not a sweep as mtrain writes it: {error}", where=folder / PLAN
        ) from error
    ends = all(
        one.state in {"finished", "diverged", "failed"} or one.problem == BY_HALVING
        for one in result.members
    )
    missing: list[str] = []
    pooled = _pooled(result, folder, missing)
    tested = _tested(result, runs, missing) if result.folds is None else {}
    if pooled is not None:
        tested["all folds together"] = pooled
    return SweepPageContent(
        name=folder.absolute().name,
        state="running" if is_running else "finished" if ends else "interrupted",
        plan=plan,
        axes=axes,
        settings=plan_text(plan),
        result=result,
        in_training=in_training,
        with_page=frozenset(name for name, run in runs.items() if _has_page(run)),
        environment=_environment(runs.values()),
        pooled=pooled,
        judged={name: one for name, one in tested.items() if one.calibration is not None},
        missing=missing,
    )


def _result_so_far(plan: SweepDescription, folder: Path) -> tuple[SweepResult, frozenset[str]]:
    """What the members' files show at this moment, and which members train."""
    sweep = restore_sweep(plan)
    ranking = choose_ranking([member.config for member in sweep.members])
    results, in_training = [], set()
    for member in sweep.members:
        run = RunDirectory(folder / member.name)
        run.refuse_links()
        result = read_member(member, folder, ranking.by)
        if result.state != "finished" and is_locked(run.path):
            in_training.add(member.name)
            result = replace(result, state="waiting", problem=None)
        results.append(result)
    return make_result(sweep, folder, results, ranking), frozenset(in_training)


def _has_page(run: RunDirectory) -> bool:
    with suppress(OSError):  # as of a name that is too long
        return run.page.is_file() and not run.page.is_symlink()
    return False


def _environment(runs: Iterable[RunDirectory]) -> Environment | None:
    """Of the first member that has one; members of a sweep share versions and data."""
    for run in runs:
        with suppress(MtrainError):
            refuse_link(run.environment)
            return read_environment(run.environment)
    return None


def _pooled(result: SweepResult, folder: Path, missing: list[str]) -> Report | None:
    """The evaluation of all folds of the best setting; without one `missing` gets the reason."""
    if result.folds is None or result.best is None:
        return None
    place = folder / POOLED / result.settings[result.best].name
    try:
        refuse_link(place)
        return read_saved_evaluation(place, needs_predictions=False).report
    except MtrainError as error:
        missing.append(f"The folds of the best setting together are not shown ({error})")
        return None


def _tested(
    result: SweepResult, runs: Mapping[str, RunDirectory], missing: list[str]
) -> dict[str, Report]:
    """The evaluations on test of the best setting's first finished members; `missing` gets what cannot be read."""
    if result.best is None:
        return {}
    tested = {}
    finished = {one.member for one in result.members if one.state == "finished"}
    names = [name for name in result.settings[result.best].members if name in finished]
    for name in names[:MOST_JUDGED]:
        try:
            runs[name].refuse_links()
            tested[name] = read_report(runs[name].evaluations / "test")
        except MtrainError as error:
            missing.append(f"How right the probabilities of {name} are is not shown ({error})")
    return tested
