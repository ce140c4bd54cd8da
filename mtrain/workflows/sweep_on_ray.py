"""Members of a sweep on the machines of a Ray cluster, each trained by `fit`."""

from __future__ import annotations

import os
import platform
import signal
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mtrain.engine.threads import cpu_count
from mtrain.errors import DivergedError, MtrainError
from mtrain.keywords import option
from mtrain.loading import own_process
from mtrain.observer import Sent
from mtrain.run.directory import RunDirectory
from mtrain.run.environment import FLAGS, read_environment
from mtrain.run.lock import is_locked
from mtrain.run.metrics import METRICS
from mtrain.run.sweep import PLAN
from mtrain.scale.ray import Call
from mtrain.workflows.evaluate import evaluate
from mtrain.workflows.fit import fit
from mtrain.workflows.sweep_data import member_threads
from mtrain.workflows.sweep_members import Told
from mtrain.workflows.sweep_result import has_trained, read_member
from mtrain.workflows.train_run import note_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mtrain.config.loading.members import Member
    from mtrain.observer import SweepObserver
    from mtrain.records.sweep import MemberResult
    from mtrain.scale.ray import Cluster, Outcome, Send
    from mtrain.training.signals import Received
    from mtrain.workflows.sweep_data import Options, SweepData
    from mtrain.workflows.sweep_groups import Train

SHARED_SECONDS = 60.0
"""Until a file that one machine wrote is seen by all; until the lock of a lost machine is free."""

LOOKING_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """A member, and all that a process on another machine needs to train it."""

    member: Member
    folder: Path
    by: str | None
    options: Options
    threads: int
    splits: tuple[str, ...]


def make_train_on(
    cluster: Cluster,
    members: Sequence[Member],
    folder: Path,
    data: SweepData,
    options: Options,
    observer: SweepObserver,
    by: str | None,
    received: Received,
) -> Train:
    """A function that trains some of the members as that of `make_train` does, on `cluster`.

    Each process reads the data of its member. Those of this process are let go. Raises `MtrainError`
    if there is no GPU and one is asked for, `UsageError` for batches that the compiler would round
    too much.
    """
    device = _choose_device(options.device, cluster)
    options = replace(options, device=device, code_folder=options.code_folder.absolute())
    data.check_compilations(device)
    jobs: dict[str, Job] = {}
    for member in members:
        splits = ("test",) if data.dataset(member).val is None else ("test", "val")
        threads = _choose_threads(member, folder, data, cluster)
        jobs[member.name] = Job(member, folder.absolute(), by, options, threads, splits)
    observer.note(_describe(cluster, device, list(jobs.values())))
    for line in note_lines(data.notes):
        observer.note(line)
    data.forget()
    observer.stage("")

    def train(chosen: Sequence[Member], until: int | None) -> list[MemberResult]:
        results: dict[str, MemberResult] = {}
        calls = [
            _call(jobs[before.member], until, cluster)
            for before in (read_member(member, folder, by) for member in chosen)
            if not has_trained(before, until)
        ]
        for outcome in cluster.run(
            calls,
            {name: os.environ.get(name) for name in FLAGS},
            at_most=options.jobs,
            on_event=_Listener(observer).tell,
            is_stopped=lambda: bool(received.signals),
        ):
            result = _result(outcome, jobs[outcome.key].member, folder, by)
            results[outcome.key] = result
            observer.ended(result)
        return [results.get(m.name) or read_member(m, folder, by) for m in chosen]

    return train


class _Listener:
    """Tells an observer the events of members, and which of them begins again."""

    def __init__(self, observer: SweepObserver) -> None:
        self._observer = observer
        self._begun: set[str] = set()

    def tell(self, event: tuple[str, tuple[Any, ...]]) -> None:
        """An event: the name of the observer's method, and the arguments."""
        name, arguments = event
        if name == "began":
            (member,) = arguments
            if member in self._begun:
                self._observer.note(f"{member}: its process died; another resumes it.")
            self._begun.add(member)
        getattr(self._observer, name)(*arguments)


def _result(outcome: Outcome, member: Member, folder: Path, by: str | None) -> MemberResult:
    if outcome.problem is not None:
        return read_member(member, folder, by, "failed", outcome.problem)
    result: MemberResult = outcome.value
    _wait_until_seen(result, member, folder, by)
    return result


def train_member(send: Send, job: Job, until: int | None) -> MemberResult:
    """Train a member by `fit` in a process of the cluster; whatever goes wrong is its result.

    Raises `MtrainError` if this machine does not see the folder of the sweep.
    """
    own_process()
    member, folder, by, options = job.member, job.folder, job.by, job.options
    path = folder / member.name
    if not (folder / PLAN).exists():
        remedy = "it must be on a file system that all machines share, at the same path"
        raise MtrainError(f"{platform.node()} does not see it", where=folder, remedy=remedy)
    observer = Sent(send)
    observer.began(member.name)
    _wait_for_lock(path)
    try:
        run = fit(
            member.config,
            out=path,
            device=options.device,
            resume=True,
            code_folder=options.code_folder,
            evaluated=job.splits,
            draw=options.draw,
            until=until,
            threads=job.threads,
            observer=Told(member.name, by, observer),
            owns_process=True,
        )
        if run.stopped_by not in {None, signal.SIGINT}:
            # Not the user, but Ray ends this process, with its machine perhaps: saved, the member is
            # resumed by another, as after a kill.
            os._exit(1)
        is_finished = run.stopped_by is None and run.report is not None
        if (
            is_finished
            and "val" in job.splits
            and not (RunDirectory(path).evaluations / "val" / METRICS).is_file()
        ):
            # It was trained to its end alone, by `mtrain resume`.
            evaluate(path, split="val", draw=options.draw)
    except DivergedError as error:
        return read_member(member, folder, by, "diverged", str(error))
    except MtrainError as error:
        return read_member(member, folder, by, "failed", str(error))
    return read_member(member, folder, by)


def _call(job: Job, until: int | None, cluster: Cluster) -> Call:
    # A run of a larger machine, or a larger cluster, keeps its threads on a smaller one.
    cpus = job.threads if cluster.smallest is None else min(job.threads, cluster.smallest)
    gpus = 1 if job.options.device == "gpu" else 0
    return Call(job.member.name, train_member, (job, until), job.threads, cpus, gpus)


def _choose_device(device: str, cluster: Cluster) -> str:
    """`cpu` or `gpu`, the same for all members, whatever a machine has."""
    if device == "gpu" and not cluster.has_gpus:
        raise MtrainError("no machine of the Ray cluster has a GPU", where=option("device", "gpu"))
    return ("gpu" if cluster.has_gpus else "cpu") if device == "auto" else device


def _choose_threads(member: Member, folder: Path, data: SweepData, cluster: Cluster) -> int:
    """Threads of an operation: those that its run has, or by the rule, as far as machines have CPUs."""
    try:
        begun = read_environment(RunDirectory(folder / member.name).environment).threads
    except MtrainError:
        begun = 0
    threads = member_threads(member, data) or cpu_count()
    return begun or (threads if cluster.smallest is None else min(threads, cluster.smallest))


def _describe(cluster: Cluster, device: str, jobs: Sequence[Job]) -> str:
    numbers = sorted({job.threads for job in jobs})
    threads = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    plural = "" if numbers[-1] == 1 else "s"
    each = f"{threads} thread{plural} each" if device == "cpu" else "a GPU each"
    return f"Ray: {cluster.description}; {len(jobs):,} members, {each}."


def _wait_for_lock(path: Path) -> None:
    """Wait for a while: the lock of a process that has died is free, that of a lost machine later."""
    deadline = time.monotonic() + SHARED_SECONDS
    while is_locked(path) and time.monotonic() < deadline:
        time.sleep(LOOKING_SECONDS)


def _wait_until_seen(result: MemberResult, member: Member, folder: Path, by: str | None) -> None:
    """Wait until this machine sees the files of the one that trained, which NFS shows with delay.

    Raises `MtrainError` if they do not come.
    """
    deadline = time.monotonic() + SHARED_SECONDS
    while (seen := read_member(member, folder, by)).epochs != result.epochs or (
        result.state == "finished" and seen.checkpoint != result.checkpoint
    ):
        if time.monotonic() > deadline:
            problem = f"was trained to epoch {result.epochs:,} by another machine; not seen here"
            remedy = "the folder of a sweep must be on a file system that all machines share"
            raise MtrainError(problem, where=folder / member.name, remedy=remedy)
        time.sleep(LOOKING_SECONDS)
