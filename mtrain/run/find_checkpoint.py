"""The choice of a run's checkpoint: its best, its last, or the newest that is whole."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from mtrain.errors import MtrainError, Problem
from mtrain.run.checkpoint import NAME, STATE, Checkpoint, read_checkpoint
from mtrain.run.directory import RunDirectory, refuse_sweep
from mtrain.run.files import attributing_errors, read_bytes, remove_folder, write_text
from mtrain.run.lock import is_locked
from mtrain.run.other_formats import refuse_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

Found = TypeVar("Found")

LARGEST_MODULE = 10**8
"""Most bytes of code that are compared."""


@dataclass(frozen=True)
class CheckpointPlace:
    """The path of a checkpoint, and its role in its run."""

    run: RunDirectory
    path: Path
    is_best: bool
    is_default: bool
    """Whether the run directory itself means this checkpoint: its best, or else its last."""


def find_checkpoint(path: Path) -> CheckpointPlace:
    """The checkpoint that `path` means: a run directory, or one directory under `checkpoints/`.

    Raises `MtrainError` for anything else.
    """
    if not path.exists():
        raise MtrainError("no such run or checkpoint", where=path, remedy="`mtrain fit` makes one")
    refuse_foreign(path)
    refuse_sweep(path)
    named = (path / STATE).is_file()
    whole_path = path.absolute()
    if named and whole_path.parent.name != "checkpoints":
        raise MtrainError("a checkpoint must lie in the checkpoints folder of its run", where=path)
    run = RunDirectory(whole_path.parent.parent if named else path)
    run.refuse_links()
    best, last = pointed_checkpoint(run, "best"), pointed_checkpoint(run, "last")
    name = whole_path.name if named else best or last
    if name is None and path.name == "checkpoints" and (path.parent / "config.yaml").is_file():
        raise MtrainError(
            "holds checkpoints", where=path, remedy=f"name one, or the run {path.parent}"
        )
    if name is None and run.environment.is_file():
        training = f"`mtrain resume {shlex.quote(str(path))}` trains it"
        remedy = "wait until its training has saved one" if is_locked(path) else training
        raise MtrainError("has no checkpoint yet", where=path, remedy=remedy)
    if name is None and any(path.glob(f"*/{run.environment.name}")):
        raise MtrainError("holds runs", where=path, remedy="name one of them")
    if name is None:
        raise MtrainError(
            f"neither a run directory with a checkpoint nor a checkpoint (no {STATE}); "
            "`mtrain fit` makes one",
            where=path,
        )
    return CheckpointPlace(
        run, run.checkpoints / name, is_best=name == best, is_default=name == (best or last)
    )


def default_checkpoint(run: RunDirectory) -> str | None:
    """The name of the checkpoint that the run itself means: its best, or else its last; None: none."""
    return pointed_checkpoint(run, "best") or pointed_checkpoint(run, "last")


def holds_checkpoints(path: Path) -> bool:
    """Whether `path` looks like a run directory, or like one of its checkpoints."""
    return (path / STATE).is_file() or RunDirectory(path).checkpoints.is_dir()


def with_checkpoint(path: Path, use: Callable[[CheckpointPlace, Checkpoint], Found]) -> Found:
    """The result of `use` for the checkpoint that `path` means, and its state.

    A run in training may replace its best checkpoint at any moment: `use` is then called again, with
    the new one. Raises `MtrainError` as `find_checkpoint` and `read_checkpoint` do.
    """
    missing: Path | None = None
    while True:
        place = find_checkpoint(path)
        try:
            return use(place, read_checkpoint(place.path))
        except MtrainError:
            if place.path.exists() or place.path == missing:
                raise
            missing = place.path  # if the pointer still names it, it was not replaced


def changed_code(place: CheckpointPlace, saved: Checkpoint) -> list[str]:
    """Notes on custom code in the run that differs from the code of the checkpoint's training."""
    trained = {
        place.run.code / key.removeprefix("code."): value
        for key, value in saved.identity.items()
        if key.startswith("code.") and key.endswith(".py")
    }
    return [
        f"{path} is not what {saved.name} was trained with"
        for path, expected in trained.items()
        if not path.is_file() or sha256(read_bytes(path, LARGEST_MODULE)).hexdigest() != expected
    ]


def point_to(run: RunDirectory, best: str | None, last: str) -> None:
    """Write the names of the best checkpoint, if there is one, and of the last."""
    write_text(run.checkpoints / "last", f"{last}\n")
    if best is not None:
        write_text(run.checkpoints / "best", f"{best}\n")
    else:
        with attributing_errors(run.checkpoints / "best"):
            (run.checkpoints / "best").unlink(missing_ok=True)


def remove_all_but(run: RunDirectory, kept: Collection[str]) -> None:
    """Remove the checkpoints of other names."""
    for path in list_checkpoints(run):
        if path.name not in kept:
            try:
                remove_folder(path)
            except OSError as error:
                raise MtrainError(f"cannot be removed: {error.strerror}", where=path) from error


def list_checkpoints(run: RunDirectory) -> list[Path]:
    """The newest first: by epoch and step, for a clock may go wrong."""
    checkpoints = []
    if run.checkpoints.is_dir():
        for path in run.checkpoints.iterdir():
            if (match := NAME.fullmatch(path.name)) and match[1]:
                epoch, step = int(match[1]), match[2]
                # Within epoch 8 is after epoch 7 and before epoch 8 is done.
                checkpoints.append(((epoch - 1, int(step)) if step else (epoch, 0), path))
    return [path for _, path in sorted(checkpoints, reverse=True)]


@dataclass(frozen=True, eq=False)
class Newest:
    """The checkpoint from which a run continues."""

    path: Path
    checkpoint: Checkpoint
    damaged: tuple[str, ...]
    """The problems of the checkpoints passed over, a message each."""

    best_is_whole: bool
    """Whether the best checkpoint that it names is whole; True if it names none."""


def newest_whole(run: RunDirectory) -> Newest | None:
    """The newest checkpoint that is whole and whose best is, or else the newest that is whole.

    None if there is no checkpoint. Raises `MtrainError` if all of them are damaged.
    """
    damaged: list[Problem] = []
    whole: dict[Path, Checkpoint] = {}
    paths = list_checkpoints(run)
    for path in paths:
        try:
            whole[path] = read_checkpoint(path)
        except MtrainError as error:
            damaged += error.problems
    good = [p for p, c in whole.items() if c.best is None or p.with_name(c.best) in whole]
    if not paths:
        return None
    for path in good or whole:
        return Newest(path, whole[path], tuple(map(str, damaged)), best_is_whole=bool(good))
    text = "no checkpoint is whole, so there is nothing to resume"
    problem = Problem(text, str(run.path), remedy="train into another folder")
    raise MtrainError(*damaged, problem)


def pointed_checkpoint(run: RunDirectory, pointer: str) -> str | None:
    """The checkpoint that `best` or `last` names; None if the file is missing."""
    path = run.checkpoints / pointer
    if not path.exists():
        return None
    name = read_bytes(path, at_most=100).decode(errors="replace").strip()
    if not NAME.fullmatch(name):
        raise MtrainError(f"names no checkpoint, but {name!r:.60}", where=path)
    return name
