"""Where a training writes, and from where it continues."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.run.directory import (
    OUTPUTS,
    RunDirectory,
    check_creatable,
    check_empty,
    choose_directory,
    make_directory,
)
from mtrain.run.lock import locked, refuse_locked
from mtrain.training.resume import find_resumption

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.config.experiment.schema import Config
    from mtrain.training.resume import Resumption


@dataclass(frozen=True, eq=False)
class RunTarget:
    """Where a training writes, and from where it continues."""

    out: Path | None
    """The run directory to create if no run has begun; None: a free one of `outputs/<name>`."""

    may_be_begun: bool
    """Whether a run in `out` would be resumed."""

    begun: RunDirectory | None
    """The existing run, locked."""

    resumption: Resumption | None
    """None if training starts from the beginning."""


@contextmanager
def run_target(
    config: Config, out: Path | None, *, resume: bool, allow_differences: bool
) -> Iterator[RunTarget]:
    """Choose where to train, before the data are read; a resumed run is locked meanwhile.

    Raises `MtrainError` for an unusable folder, and as `find_resumption` does.
    """
    if not resume:
        if out is not None:
            refuse_locked(out)  # says more than that the folder is not empty
        choose_directory(config.name, out)
        yield RunTarget(out, resume, None, None)
        return
    out = out or OUTPUTS / config.name
    begun = RunDirectory(out)
    if not begun.is_begun:
        check_creatable(out)
        yield RunTarget(out, resume, None, None)
        return
    begun.check_is_run()
    begun.refuse_links()
    begun.refuse_ensemble("train into another folder")
    with locked(begun.path):
        resumption = find_resumption(begun, config, differences_allowed=allow_differences)
        yield RunTarget(out, resume, begun, resumption)


@contextmanager
def run_directory(target: RunTarget, name: str) -> Iterator[RunDirectory]:
    """The directory of the run, locked: the one that has begun, or a new one.

    Raises `MtrainError` if none can be created.
    """
    if target.begun is not None:
        yield target.begun  # which is locked already
        return
    run = make_directory(name, target.out)
    with locked(run.path):
        # Another process may have come and gone while the data were read.
        if target.may_be_begun and run.is_begun:
            raise MtrainError(
                "another process has trained there meanwhile", where=run.path, remedy="start again"
            )
        check_empty(run)
        run.remove_leftovers()
        yield run
