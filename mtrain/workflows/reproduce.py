"""Train a run's config again: what is equal to the last bit, what differs, and whether it matters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mtrain.config.loading.members import plan_sweep
from mtrain.errors import MissingPathError, MtrainError, UsageError
from mtrain.keywords import option
from mtrain.metrics.comparison import compare_with_first
from mtrain.metrics.reproduced_figures import judge, judge_figures
from mtrain.metrics.reproduction import compare_environments, compare_results
from mtrain.records.reproduction import SPLIT, Reproduction
from mtrain.run.constraints import holds_constraints, write_constraints
from mtrain.run.content import read_content
from mtrain.run.directory import (
    OUTPUTS,
    RunDirectory,
    check_creatable,
    check_empty,
    choose_directory,
)
from mtrain.run.files import check_replaced
from mtrain.run.metrics import read_report
from mtrain.run.saved_evaluation import align
from mtrain.statistics.spread import LEAST_RUNS
from mtrain.workflows.fit import fit
from mtrain.workflows.run_to_reproduce import read_run_to_reproduce
from mtrain.workflows.sweep import sweep
from mtrain.workflows.sweep_data import Options

if TYPE_CHECKING:
    import signal
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.observer import Observer, SweepObserver
    from mtrain.records.comparison import Comparison
    from mtrain.records.report import Report
    from mtrain.records.reproduction import EvaluationContent, ReproducedFigure, RunContent
    from mtrain.workflows.run import Run
    from mtrain.workflows.run_to_reproduce import RunToReproduce
    from mtrain.workflows.sweep import SweepRun

MOST_SEEDS = 1000


@dataclass(frozen=True, eq=False)
class ReproductionRun:
    """A run that was trained again."""

    path: Path
    """The directory of the new run."""

    reproduction: Reproduction | None
    """None if a signal stopped the new run."""

    stopped_by: signal.Signals | None = None
    """The signal that stopped the new run, or those of other seeds."""


@dataclass(frozen=True, eq=False)
class _Seeds:
    """The runs of other seeds."""

    reports: dict[int, Report]
    """Their evaluations, by seed."""

    folder: Path
    notes: tuple[str, ...]


def write_environment_constraints(run: Path, file: Path) -> None:
    """Write the versions of the run at `run` as a constraints file for pip; nothing is trained.

    Raises `MtrainError` for what is not a run, `UsageError` for a file that holds anything else.
    """
    directory = RunDirectory(run)
    directory.check_is_run(writable=False)
    directory.refuse_links()
    check_replaced(file, holds_constraints, "versions of a run", option("environment"))
    write_constraints(directory.environment, file)


def reproduce(
    run: Path,
    config: Config,
    *,
    out: Path | None = None,
    resume: bool = False,
    seeds: int = 0,
    device: str = "auto",
    observer: Observer | None = None,
    seeds_observer: SweepObserver | None = None,
    owns_process: bool = False,
) -> ReproductionRun:
    """Train `config`, that of the run at `run`, and compare both runs to the last bit.

    `out` is the directory of the new run, new or empty; None: a free one of `outputs/<name>`. The
    run at `run` is only read. If the results differ, runs of so many other
    `seeds`, 0 or at least 3, measure their spread, in a folder beside the new run's whose name ends
    in `-seeds`; if a signal stops them, the predictions judge. With `resume` the new run in `out`,
    or `outputs/<name>`, and those of other seeds are continued if they are there.
    `observer` and `owns_process` are as for `fit`, `seeds_observer` as for `sweep`; on the device
    `auto`, what was trained on a CPU is trained on a CPU. Raises `MtrainError` as
    `read_run_to_reproduce` and `fit` do.
    """
    if type(seeds) is not int or (seeds and not LEAST_RUNS <= seeds <= MOST_SEEDS):
        problem = f"must be 0, or from {LEAST_RUNS} to {MOST_SEEDS:,}, got {seeds!r:.60}"
        raise UsageError(problem, where=option("seeds"))
    _check_places(run, _choose_place(config, out, resume=resume), seeds, is_empty=not resume)
    first = read_run_to_reproduce(run, config)  # all of it: a damaged file is told at once
    if device == "auto" and first.device == "cpu":
        device = "cpu"
    trained = _train_again(
        run, config, first, out, device, observer, resume=resume, owns_process=owns_process
    )
    if trained.stopped_by is not None:
        return ReproductionRun(trained.path, None, trained.stopped_by)
    second = read_content(trained.path, first.content.evaluations)
    reproduction = _judge(first, second)
    if seeds and reproduction.outcome not in {"equal", "other data"}:
        options = Options(
            device=device,
            jobs=None,
            charts=False,
            progress=seeds_observer is not None,
            code_folder=run,
            owns_process=False,  # TensorFlow has the run's threads already
        )
        folder = _seeds_folder(trained.path)
        swept = _train_seeds(config, seeds, folder, options, seeds_observer, resume=resume)
        reproduction = _judge(first, second, _read_seeds(swept))
        return ReproductionRun(trained.path, reproduction, swept.stopped_by)
    return ReproductionRun(trained.path, reproduction)


def _judge(run: RunToReproduce, second: RunContent, seeds: _Seeds | None = None) -> Reproduction:
    """The comparison of both, with runs of other seeds if there are any."""
    first = run.content
    environment, results = compare_environments(first, second), compare_results(first, second)
    figures: tuple[ReproducedFigure, ...] = ()
    comparison: Comparison | None = None
    reports = [] if seeds is None else list(seeds.reports.values())
    if any(result.differences for result in results):
        of_first, of_second = first.evaluations[SPLIT], second.evaluations[SPLIT]
        comparison = _compare(of_first, of_second)
        saved = of_first.saved, of_second.saved
        figures = judge_figures(saved[0].report, saved[1].report, comparison, reports)
    is_spread_known = len(reports) >= LEAST_RUNS
    outcome = judge(environment, results, figures, is_spread_known=is_spread_known)
    return Reproduction(
        runs=(first.name, second.name),
        outcome=outcome,
        environment=environment,
        results=results,
        split=SPLIT,
        figures=figures,
        comparison=comparison,
        seeds=tuple(seeds.reports) if seeds is not None and is_spread_known else (),
        seeds_folder=None if seeds is None else str(seeds.folder),
        notes=(*run.notes, *(() if seeds is None else seeds.notes)),
    )


def _choose_place(config: Config, out: Path | None, *, resume: bool) -> Path:
    """The directory of the new run, as `fit` chooses it."""
    if out is None and resume:
        return OUTPUTS / config.name
    return out or choose_directory(config.name, None).path


def _seeds_folder(place: Path) -> Path:
    if place.name in {"", ".."}:
        place = place.resolve()
    return place.with_name(f"{place.name}-seeds")


def _check_places(run: Path, place: Path, seeds: int, *, is_empty: bool) -> None:
    """Raise `UsageError` or `MtrainError` for folders in which nothing can be trained."""
    remedies = {place: f"and without {option('out')} a free one is taken"}
    if seeds:
        remedies[_seeds_folder(place)] = "and the seeds need one beside it"
    for folder, remedy in remedies.items():
        if folder.resolve().is_relative_to(run.resolve()):
            where = "the run" if folder.resolve() == run.resolve() else "in the run"
            problem = f"{folder} is {where}, which is only read"
            raise UsageError(problem, where=option("out"), remedy="name a folder elsewhere")
        check_creatable(folder)
        if is_empty:
            check_empty(RunDirectory(folder), remedy)


def _train_again(
    run: Path,
    config: Config,
    first: RunToReproduce,
    out: Path | None,
    device: str,
    observer: Observer | None,
    *,
    resume: bool,
    owns_process: bool,
) -> Run:
    try:
        return fit(
            config,
            out=out,
            device=device,
            resume=resume,
            download=False,  # a stranger's run must not make this machine use the network
            code_folder=run,
            evaluated=tuple(first.content.evaluations),
            draw=None,
            threads=first.threads,
            observer=observer,
            owns_process=owns_process,
        )
    except MissingPathError as error:
        raise error.with_remedy("dataset.path=PATH says where the data are now") from error


def _train_seeds(
    config: Config,
    seeds: int,
    folder: Path,
    options: Options,
    observer: SweepObserver | None,
    *,
    resume: bool,
) -> SweepRun:
    """Train the config with so many of the seeds 0, 1, 2, ... that are not its own."""
    settings = config.model_dump(mode="json")
    # One more than wanted: its own may be among them.
    plan = plan_sweep(settings, {}, [], seeds=seeds + 1, many=True)
    members = [member for member in plan.members if member.seed != config.seed][:seeds]
    plan = replace(plan, name=f"{config.name}-seeds", members=tuple(members), seeds=seeds)
    return sweep(plan, out=folder, resume=resume, options=options, observer=observer)


def _read_seeds(swept: SweepRun) -> _Seeds:
    """The runs of other seeds; none of them counts if a signal has stopped them."""
    if swept.stopped_by is not None:
        note = (
            f"The runs of other seeds were stopped by {swept.stopped_by.name}, so their spread is "
            f"not known; {option('resume')} continues them"
        )
        return _Seeds({}, swept.path, (note,))
    reports: dict[int, Report] = {}
    notes = []
    for member in swept.result.members:
        if member.state == "finished" and member.seed is not None:
            folder = RunDirectory(swept.path / member.member).evaluations / SPLIT
            reports[member.seed] = read_report(folder)
        else:
            problem = f": {member.problem}" if member.problem else ""
            notes.append(f"The run of seed {member.seed} is {member.state}{problem}")
    if len(reports) < LEAST_RUNS:
        notes.append(f"The spread is not known: only {len(reports)} runs of other seeds finished")
    return _Seeds(reports, swept.path, tuple(notes))


def _compare(first: EvaluationContent, second: EvaluationContent) -> Comparison | None:
    """The paired comparison of their predictions; None if they are not of the same rows, or not kept."""
    if first.probabilities is None or second.probabilities is None:
        return None
    try:
        return compare_with_first([first.saved, align(second.saved, first.saved)])[0]
    except MtrainError:  # the files that differ are listed
        return None
