"""Where things are in a run directory, and which directory a run gets."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from mtrain.config.experiment.custom_code import CODE
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.run.files import flush_directory, remove_leftovers
from mtrain.run.other_formats import refuse_foreign

OUTPUTS = Path("outputs")

LOCK = ".lock"
WRITER = ".writer"
EVALUATING = ".evaluating"
"""The lock of those who write evaluations, as one may while a training holds the other."""


@dataclass(frozen=True)
class RunDirectory:
    """The names of everything a run leaves behind."""

    path: Path

    @property
    def config(self) -> Path:
        """Every setting in force."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """What it ran on, and with which versions."""
        return self.path / "environment.json"

    @property
    def history(self) -> Path:
        """Every epoch's figures; `history.csv` beside it has its scalars, `by_class.csv` its classes."""
        return self.path / "history.json"

    @property
    def checkpoints(self) -> Path:
        """A directory a checkpoint, and the small files `best` and `last` naming one."""
        return self.path / "checkpoints"

    @property
    def charts(self) -> Path:
        """Drawn from the history."""
        return self.path / "charts"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files, where they are asked for."""
        return self.path / "tensorboard"

    @property
    def code(self) -> Path:
        """The user's own modules, as they were imported."""
        return self.path / CODE

    @property
    def evaluations(self) -> Path:
        """A folder an evaluation: named by its split, and what else it is of if not the run's own."""
        return self.path / "evaluation"

    @property
    def is_begun(self) -> bool:
        """Whether there is more than the files of a lock, and what a kill left of the first."""
        return self.path.is_dir() and any(
            path.name not in {LOCK, WRITER} and not path.match(".*.tmp")
            for path in self.path.iterdir()
        )

    def check_is_run(self) -> None:
        """Raise `MtrainError` for what no `fit` has begun, or what cannot be written."""
        if not self.path.exists():
            raise MtrainError("no such run", where=self.path, remedy="`mtrain fit` makes one")
        refuse_foreign(self.path)
        if not (self.environment.is_file() or self.checkpoints.is_dir()):
            raise MtrainError(
                "not a run directory (no environment.json)",
                where=self.path,
                remedy="`mtrain fit` makes one",
            )
        for folder in (self.path, self.checkpoints):
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                raise MtrainError("cannot be written: no permission", where=folder)

    def refuse_links(self) -> None:
        """Raise `MtrainError` for a symbolic link: nothing outside is read or written."""
        tables = ("history.json", "history.csv", "by_class.csv")
        ours = ("config.yaml", "environment.json", *tables, LOCK, WRITER, EVALUATING)
        rooms = ("checkpoints", "charts", "evaluation", "tensorboard", CODE)
        temporary = [path.name for kind in (".*.tmp", ".*.old") for path in self.path.glob(kind)]
        for name in (*ours, *rooms, *temporary):
            _refuse_link(self.path / name)
            for folder, folders, files in os.walk(self.path / name):
                for entry in (*folders, *files):
                    _refuse_link(Path(folder, entry))

    def remove_leftovers(self) -> None:
        """Remove what a killed process had half written, or half removed."""
        # Not of evaluations, which have a lock of their own: one may be under way.
        for folder in (self.path, self.checkpoints, self.charts):
            remove_leftovers(folder)


def _refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise MtrainError("is a symbolic link; a run holds none", where=path)


def choose_directory(name: str, out: Path | None) -> RunDirectory:
    """`out` itself, or the first free one of `outputs/<name>`, `outputs/<name>-2`, ...

    Makes nothing yet. Raises `MtrainError` if what is to be made cannot be written, `UsageError` if
    `out` holds anything.
    """
    run = RunDirectory(out or _free(name))
    check_creatable(run.path)
    check_empty(run)
    return run


def check_empty(run: RunDirectory, remedy: str | None = None) -> None:
    """Raise `UsageError` if a run has begun there, or the folder holds anything else.

    `remedy` is what the message says can be done besides taking a new folder; None: that of a training.
    """
    if run.is_begun:
        other = (
            f"{option('resume')} resumes a run, and without {option('out')} the next free name in "
            f"{OUTPUTS} is taken"
        )
        new = f"{option('out')} takes a new or an empty folder, {remedy or other}"
        raise UsageError("is not empty", where=run.path, remedy=new)


def check_creatable(path: Path) -> None:
    """Raise `MtrainError` if there can be no folder at `path` that can be written."""
    if path.exists() and not path.is_dir():
        raise MtrainError(f"not a folder; {option('out')} takes a new or an empty one", where=path)
    above = (path, *path.absolute().parents)
    for place in above:
        if place.is_symlink() and not place.exists():
            raise MtrainError("a link to what is not there; nothing can be made in it", where=place)
    ancestor = next(place for place in above if place.exists())
    if not ancestor.is_dir():
        raise MtrainError(f"cannot be made: {ancestor} is not a folder", where=path)
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise MtrainError(f"cannot be written: no permission in {ancestor}", where=path)


def make_directory(name: str, out: Path | None) -> RunDirectory:
    """Make `out`, or a free one of `outputs/<name>`: of two runs that start at once each its own.

    Raises `MtrainError` if it cannot be made.
    """
    while True:
        run = RunDirectory(out or _free(name))
        check_creatable(run.path)
        try:
            run.path.mkdir(parents=True, exist_ok=out is not None)
            flush_directory(run.path.parent)
        except FileExistsError:
            continue
        except OSError as error:
            raise MtrainError(f"cannot be made: {error.strerror}", where=run.path) from error
        return run


def _free(name: str) -> Path:
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for n in names if not os.path.lexists(path := OUTPUTS / n))
