"""Members whose operations have different numbers of threads, in a process for each number.

TensorFlow has one number of threads in a process.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.errors import MtrainError, UsageError
from mtrain.loading import own_process
from mtrain.observer import Sent, SweepObserver
from mtrain.training.signals import handled_signals
from mtrain.workflows.sweep_data import SweepData, member_threads
from mtrain.workflows.sweep_members import MembersTrainer
from mtrain.workflows.sweep_result import has_trained, read_member

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import Queue
    from pathlib import Path

    from mtrain.config.loading.members import Member
    from mtrain.records.sweep import MemberResult
    from mtrain.training.signals import Received
    from mtrain.workflows.sweep_data import Options

    Train = Callable[[Sequence[Member], int | None], list[MemberResult]]

LOOKING_SECONDS = 0.2

FAILED = "failed"
"""The event of a process that cannot train its members."""


@dataclass(frozen=True)
class Group:
    """Members with one number of threads, and all that a process needs to train them."""

    members: tuple[Member, ...]
    folder: Path
    options: Options
    by: str | None
    until: int | None


def make_train(
    members: Sequence[Member],
    folder: Path,
    data: SweepData,
    options: Options,
    observer: SweepObserver,
    by: str | None,
    received: Received,
) -> Train:
    """A function that trains some of the members to the end of an epoch, None: to their own end.

    Where all have the same number of threads, in this process.
    """
    groups = _by_threads(members, data) if options.owns_process else [list(members)]
    if len(groups) == 1:
        trainer = MembersTrainer(members, folder, data, options, observer)
        trainer.describe()
        return lambda chosen, until: trainer.train(chosen, by, received, until)

    data.forget()  # each process reads those of its members

    def train(chosen: Sequence[Member], until: int | None) -> list[MemberResult]:
        results = {member.name: read_member(member, folder, by) for member in chosen}
        for group in groups:
            waiting = tuple(
                member
                for member in group
                if member.name in results and not has_trained(results[member.name], until)
            )
            if waiting and not received.signals:
                of_group = Group(waiting, folder, options, by, until)
                results |= _train_apart(of_group, observer, received)
        return [results[member.name] for member in chosen]

    return train


def _by_threads(members: Sequence[Member], data: SweepData) -> list[list[Member]]:
    """The members by the threads of their operations, the fewest first."""
    groups: dict[int, list[Member]] = {}
    for member in members:
        groups.setdefault(member_threads(member, data) or 0, []).append(member)
    return [groups[threads] for threads in sorted(groups)]


def _train_apart(
    group: Group, observer: SweepObserver, received: Received
) -> dict[str, MemberResult]:
    """Train a group in a process of its own, and pass on its events and a signal.

    Returns the results of those that were trained, by name. Raises `MtrainError` for what that process
    cannot do.
    """
    context = multiprocessing.get_context("spawn")
    events: Queue[tuple[str, tuple[Any, ...]]] = context.Queue()
    # A daemon, so that a second Ctrl-C ends it with this process.
    process = context.Process(target=_train_group, args=(group, events), daemon=True)
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the process inherits
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)
    is_told = False
    failed: MtrainError | None = None
    results: dict[str, MemberResult] = {}
    while True:
        alive = process.is_alive()
        try:
            name, arguments = events.get(timeout=LOOKING_SECONDS if alive else 0)
        except queue.Empty:
            if not alive:
                break
        else:
            if name == FAILED:
                is_usage, problems = arguments
                failed = (UsageError if is_usage else MtrainError)(*problems)
            else:
                getattr(observer, name)(*arguments)
            if name == "ended":
                results[arguments[0].member] = arguments[0]
        if received.signals and not is_told:
            process.terminate()  # which it takes as any signal: save, and stop
            is_told = True
    process.join()
    if failed is not None:
        raise failed
    if process.exitcode and not is_told:
        raise MtrainError(f"a process that trained members ended with status {process.exitcode}")
    return results


def _train_group(group: Group, events: Queue[tuple[str, tuple[Any, ...]]]) -> None:
    """What that process does."""
    own_process()
    parent = multiprocessing.parent_process()
    if parent is not None:
        # Killed with its parent, as one process is; what is on the disk is whole at any moment.
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    observer = Sent(events.put)  # which takes the events of several threads
    with handled_signals() as received:
        try:
            data = SweepData(group.members, group.options, SweepObserver())
            trainer = MembersTrainer(group.members, group.folder, data, group.options, observer)
            trainer.describe()
            trainer.train(group.members, group.by, received, group.until)
        except MtrainError as error:
            events.put((FAILED, (isinstance(error, UsageError), error.problems)))


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
