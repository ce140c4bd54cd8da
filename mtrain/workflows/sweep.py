"""Train every member of a sweep, and say what is shown of its settings."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mtrain.config.loading.members import describe_sweep
from mtrain.engine.threads import cpu_count
from mtrain.errors import DivergedError, MtrainError, UsageError
from mtrain.keywords import option
from mtrain.loading import load_meanwhile
from mtrain.metrics.sweep import (
    choose_ranking,
)
from mtrain.observer import OneAtATime, SweepObserver
from mtrain.run.directory import (
    ENSEMBLE,
    LOCK,
    OUTPUTS,
    RunDirectory,
    check_empty,
    make_directory,
    refuse_link,
)
from mtrain.run.environment import current_versions, read_environment
from mtrain.run.files import remove_leftovers, write_bytes
from mtrain.run.lock import locked, refuse_locked
from mtrain.run.sweep import PLAN, POOLED, RESULT, check_plan, write_plan, write_result
from mtrain.scale.ray import connected
from mtrain.trackers.of_config import check_trackers
from mtrain.training.signals import handled_signals
from mtrain.workflows.folds import keep_pooled_folds
from mtrain.workflows.halving import halving_figure, train_by_halving
from mtrain.workflows.report_sweep import report_sweep
from mtrain.workflows.sweep_data import Options, SweepData
from mtrain.workflows.sweep_ensembles import with_ensembles
from mtrain.workflows.sweep_groups import make_train
from mtrain.workflows.sweep_on_ray import make_train_on
from mtrain.workflows.sweep_result import make_result, read_member, summarize_settings
from mtrain.workflows.tracked import read_tracked_sweep

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mtrain.config.loading.members import Member, SweepPlan
    from mtrain.metrics.sweep import Ranking
    from mtrain.observer import Observer
    from mtrain.records.report import Report
    from mtrain.records.sweep import MemberResult, SweepResult
    from mtrain.scale.ray import Cluster
    from mtrain.training.signals import Received
    from mtrain.workflows.sweep_groups import Train


@dataclass(frozen=True, eq=False)
class SweepRun:
    """The outcome of a sweep."""

    path: Path
    result: SweepResult
    pooled: Mapping[int, Report]
    """By the place of a setting, the evaluation of all its folds together, each row tested once."""

    stopped_by: signal.Signals | None
    """The signal that stopped it."""

    def __repr__(self) -> str:
        finished = sum(member.state == "finished" for member in self.result.members)
        return (
            f"<mtrain.SweepRun {str(self.path)!r}: {finished:,} of {len(self.result.members):,} "
            "members finished>"
        )

    @property
    def exit_status(self) -> int:
        """0 if a member is finished, else 4 if one diverged, or 1; that of the signal if it was stopped."""
        if self.stopped_by is not None:
            return 128 + self.stopped_by
        states = {member.state for member in self.result.members}
        if "finished" in states:
            return 0
        return DivergedError.exit_status if "diverged" in states else MtrainError.exit_status

    def __fspath__(self) -> str:
        """Its folder."""
        return str(self.path)


def sweep(
    plan: SweepPlan,
    *,
    out: Path | None = None,
    resume: bool = False,
    options: Options,
    observer: SweepObserver | None = None,
) -> SweepRun:
    """Train the members of `plan`, each to the last bit as `fit` would train its config alone.

    They are run directories in `out`, a new or empty folder; None: a free one of
    `outputs/<name>-sweep`. With `resume` the sweep in `out`, or `outputs/<name>-sweep`, is continued
    if there is one, and finished members stay. A member that diverges or fails is a row of the
    result. Raises `UsageError` with every setting that does not fit the data, before anything is
    trained, and `MtrainError` for problems of the data, the device, the disk or the cluster.
    """
    if options.jobs is not None and options.jobs < 1:
        raise UsageError(f"must be at least 1, got {options.jobs}", where=option("jobs"))
    told = OneAtATime(observer or SweepObserver())
    for member in plan.members:
        check_trackers(member.config)
    ranking = choose_ranking([member.config for member in plan.members])
    halved_by = None
    if plan.halving is not None:
        halved_by = halving_figure(plan.halving, plan, ranking.by)
    with (
        # First, so that a cluster that cannot be reached leaves no folder.
        _cluster(options, told) as cluster,
        _open_folder(plan, out, resume=resume) as folder,
    ):
        try:
            with handled_signals() as received:
                sweeping = _Sweeping(
                    plan, folder, options, told, ranking, halved_by, received, cluster
                )
                results = sweeping.train()
            told.stage("comparing the settings")
            result = make_result(plan, folder, results, ranking)
            pooled = keep_pooled_folds(plan, folder, results)
            if plan.ensemble and not received.signals:
                told.stage("making the ensembles")
                result = with_ensembles(plan, folder, result, options.draw)
            write_result(result, folder)
            _draw(result, folder)
            _write_page(folder, told)
            state = "killed" if received.signals else "finished"
            _track(plan.members, folder, state, options.failed_trackers, told)
        finally:
            told.stage("")
            told.end()
    return SweepRun(folder, result, pooled, received.signals[0] if received.signals else None)


def _track(
    members: Sequence[Member],
    folder: Path,
    state: str,
    failed: set[type[Observer]],
    observer: SweepObserver,
) -> None:
    """Make or finish the run of the sweep in each MLflow that its members log to, unless it has failed."""
    for uri in dict.fromkeys(member.config.tracking.mlflow for member in members):
        if uri is not None:
            from mtrain.trackers.mlflow import MLflow, replay_sweep

            if MLflow in failed:
                return
            try:
                replay_sweep(read_tracked_sweep(folder, state), uri)
            except MtrainError as error:
                failed.add(MLflow)
                observer.note(f"{error}; the sweep goes on without MLflow.")


def _draw(result: SweepResult, folder: Path) -> None:
    """The chart over the axes, if there is one."""
    if result.axes and result.by is not None:
        from mtrain.report.charts.sweep import sweep_charts

        for name, content in sweep_charts(result):
            write_bytes(folder / name, content)


def _write_page(folder: Path, observer: SweepObserver) -> None:
    """Write the page of the sweep; what was trained stands without it."""
    try:
        report_sweep(folder, is_over=True)
    except MtrainError as error:
        again = f"`mtrain report {shlex.quote(str(folder))}` writes it"
        observer.note(f"{error}; the sweep is done without its page: {again}.")


@dataclass(frozen=True, eq=False)
class _Sweeping:
    """A sweep under way."""

    plan: SweepPlan
    folder: Path
    options: Options
    observer: SweepObserver
    ranking: Ranking
    halved_by: str | None
    """The figure by which settings are stopped; None: without halving."""

    received: Received
    cluster: Cluster | None

    def train(self) -> list[MemberResult]:
        """Train what is not finished; returns the results of all members."""
        plan, by = self.plan, self.ranking.by
        before = [read_member(member, self.folder, by) for member in plan.members]
        _check_epochs(plan.members, before, self.folder)
        results = {result.member: result for result in before}
        members = [member for member in plan.members if results[member.name].state != "finished"]
        if members:
            train = self._make_train(members)
            load_meanwhile("mtrain.report.page.sweep_page", then="load")
            if not (self.folder / PLAN).exists():
                write_plan(describe_sweep(plan), self.folder)
            # That of an earlier session would be taken for the result of this one if it is killed.
            (self.folder / RESULT).unlink(missing_ok=True)
            # First: several members at once would look for it.
            _track(members, self.folder, "running", self.options.failed_trackers, self.observer)
            epochs = {member.name: member.config.training.epochs for member in plan.members}
            self.observer.begin(summarize_settings(plan, before, self.ranking), epochs)
            if plan.halving is None or self.halved_by is None:
                trained = train(members, None)
            else:
                halved = (plan.halving, plan, self.halved_by, self.folder)
                trained = train_by_halving(*halved, train, self.observer, self.received)
            results |= {result.member: result for result in trained}
        return [results[member.name] for member in plan.members]

    def _make_train(self, members: Sequence[Member]) -> Train:
        """The function that trains some of `members`, once their data are read and checked."""
        data = SweepData(members, self.options, self.observer)
        _check_same(self.plan.members, self.folder, data)
        needed = (members, self.folder, data, self.options, self.observer)
        make = make_train if self.cluster is None else partial(make_train_on, self.cluster)
        return make(*needed, self.ranking.by, self.received)


def _check_epochs(members: Sequence[Member], results: Sequence[MemberResult], folder: Path) -> None:
    """Raise `MtrainError` if a member was trained further than the sweep trains it."""
    for member, result in zip(members, results, strict=True):
        if result.epochs > (epochs := member.config.training.epochs):
            raise MtrainError(
                f"has {result.epochs:,} epochs, and this sweep trains {epochs:,}",
                where=folder / member.name,
                remedy="sweep into another folder, or remove this one to have it trained again",
            )


def _check_same(members: Sequence[Member], folder: Path, data: SweepData) -> None:
    """Raise `MtrainError` if members trained before had other data or versions: they do not compare."""
    versions = current_versions()
    for member in members:
        environment = RunDirectory(folder / member.name).environment
        if not environment.exists():
            continue
        before = read_environment(environment)
        for name in [name for name, now in versions.items() if before.versions.get(name) != now]:
            raise MtrainError(
                f"was trained with {name} {before.versions.get(name)}; this is {versions[name]}",
                where=folder / member.name,
                remedy="take that version, or sweep into another folder",
            )
        dataset = data.find(member)
        if dataset is not None and before.data.get("sha256") != dataset.sha256:
            raise MtrainError(
                f"these are not the data that {member.name} was trained on",
                where=dataset.source,
                remedy="restore them, or sweep into another folder",
            )


@contextmanager
def _cluster(options: Options, observer: SweepObserver) -> Iterator[Cluster | None]:
    """The Ray cluster that trains the members; None: this process does."""
    if options.ray is None:
        yield None
        return
    observer.stage("connecting to Ray")
    try:
        with connected(options.ray, cpu_count()) as cluster:
            yield cluster
    finally:
        observer.stage("")


@contextmanager
def _open_folder(plan: SweepPlan, out: Path | None, *, resume: bool) -> Iterator[Path]:
    """The folder of the sweep, locked; one that is made here and holds no sweep is removed again."""
    folder = out or OUTPUTS / plan.name if resume else out
    is_there = folder is not None and folder.exists()
    if folder is not None and is_there:
        refuse_locked(folder)
        for name in (PLAN, RESULT, POOLED, ENSEMBLE, *(member.name for member in plan.members)):
            refuse_link(folder / name)
        if not (folder / PLAN).exists():
            check_empty(RunDirectory(folder), "in which there is no sweep" if resume else None)
        elif resume:
            check_plan(describe_sweep(plan), folder)
        else:
            remedy = f"{option('resume')} continues it"
            raise UsageError("holds a sweep", where=folder, remedy=remedy)
    folder = make_directory(plan.name, folder).path
    try:
        with locked(folder):
            try:
                remove_leftovers(folder)
                yield folder
            finally:
                is_sweep = (folder / PLAN).exists()
                if not (is_there or is_sweep):
                    (folder / LOCK).unlink(missing_ok=True)
    finally:
        if not is_there:
            with suppress(OSError):  # there is something in it
                folder.rmdir()
