"""Where things are in a run directory, and which directory a run gets."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from mtrain.errors import MtrainError, UsageError

OUTPUTS = Path("outputs")


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
        """Every epoch's figures; `history.csv` beside it has its scalars."""
        return self.path / "history.json"

    @property
    def checkpoints(self) -> Path:
        """A directory a checkpoint, and the small files `best` and `last` naming one."""
        return self.path / "checkpoints"

    @property
    def charts(self) -> Path:
        """Drawn from the history."""
        return self.path / "charts"

    def evaluation(self, name: str) -> Path:
        """What an evaluation leaves: `name` is the split's, and the checkpoint's if another."""
        return self.path / "evaluation" / name


def choose_directory(name: str, out: Path | None) -> RunDirectory:
    """`out` itself, or the first free one of `outputs/<name>`, `outputs/<name>-2`, ...

    Makes nothing yet. Raises `MtrainError` if `out` holds anything, or if what is to be made
    cannot be written.
    """
    if out is None:
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        path = next(p for n in names if not os.path.lexists(p := OUTPUTS / n))
    else:
        path = out
        if path.exists() and not path.is_dir():
            raise MtrainError(f"{path}: not a folder; --out takes a new or an empty one")
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{path}: is not empty; --out takes a new or an empty folder")
    ancestor = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not ancestor.is_dir():
        raise MtrainError(f"{path}: cannot be made: {ancestor} is not a folder")
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise MtrainError(f"{path}: cannot be written: no permission in {ancestor}")
    return RunDirectory(path)


def make_directory(name: str, out: Path | None) -> RunDirectory:
    """Make what `choose_directory` chooses; of two runs that start at once each gets its own."""
    while True:
        run = choose_directory(name, out)
        try:
            run.path.mkdir(parents=True, exist_ok=out is not None)
        except FileExistsError:
            continue
        except OSError as error:
            raise MtrainError(f"{run.path}: cannot be made: {error.strerror}") from error
        return run
