"""The places in a run directory, and the choice of a new run's directory."""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mtrain.config.experiment.custom_code import CODE
from mtrain.errors import MtrainError, UsageError
from mtrain.keywords import option
from mtrain.run.files import flush_to_disk, remove_leftovers
from mtrain.run.other_formats import refuse_foreign

OUTPUTS = Path("outputs")

EXPORTED = "model.onnx"
"""In a run, where `mtrain export` puts its own checkpoint as ONNX."""

SUSPECTS = "suspects.csv"
"""In a run, and in an evaluation: rows whose label is likely wrong."""

LOCK = ".lock"
WRITER = ".writer"
SWEEP = "sweep.yaml"
"""In the folder of a sweep, what it trains."""

ENSEMBLE = "ensemble"
"""In the folder of a sweep, its ensembles; in an ensemble's `checkpoints`, the only one."""

EVALUATING = ".evaluating"
"""The lock for writing evaluations, which is possible while a training holds the other."""

LOGGING = ".logging-"
"""With a tracker's name the lock for logging to it, which is possible while a training holds the other."""


@dataclass(frozen=True)
class RunDirectory:
    """The names of all files of a run."""

    path: Path

    @property
    def config(self) -> Path:
        """Every setting in force."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """The machine, device and versions of the run."""
        return self.path / "environment.json"

    @property
    def history(self) -> Path:
        """Every epoch's figures; `history.csv` beside it has its scalars, `by_class.csv` its classes."""
        return self.path / "history.json"

    @property
    def learning(self) -> Path:
        """When each training row was learned and forgotten, if `diagnostics` has `rows`."""
        return self.path / "learning.parquet"

    @property
    def suspects(self) -> Path:
        """The training rows whose label is likely wrong, if `diagnostics` has `rows`."""
        return self.path / SUSPECTS

    @property
    def rivals(self) -> Path:
        """What the rivals of the network predict, if it has any."""
        return self.path / "rivals"

    @property
    def checkpoints(self) -> Path:
        """A directory for each checkpoint, and the small files `best` and `last`, which name one."""
        return self.path / "checkpoints"

    @property
    def charts(self) -> Path:
        """Drawn from the history."""
        return self.path / "charts"

    @property
    def page(self) -> Path:
        """The run as one page of HTML."""
        return self.path / "report.html"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files, if `tracking.tensorboard` is true."""
        return self.path / "tensorboard"

    @property
    def code(self) -> Path:
        """Copies of the custom code, as imported."""
        return self.path / CODE

    @property
    def evaluations(self) -> Path:
        """A folder for each evaluation: named by its split, and what differs from the run's own."""
        return self.path / "evaluation"

    @property
    def is_ensemble(self) -> bool:
        """Whether it is an ensemble, which no training made."""
        return (self.checkpoints / ENSEMBLE).is_dir()

    def refuse_ensemble(self, remedy: str) -> None:
        """Raise `MtrainError` for an ensemble."""
        if self.is_ensemble:
            problem = "is an ensemble, which was not trained itself"
            raise MtrainError(problem, where=self.path, remedy=remedy)

    @property
    def is_begun(self) -> bool:
        """Whether there is more than the files of a lock, and leftovers of their writing."""
        return self.path.is_dir() and any(
            path.name not in {LOCK, WRITER} and not path.match(".*.tmp")
            for path in self.path.iterdir()
        )

    def check_is_run(self, *, writable: bool = True, or_sweep: bool = False) -> None:
        """Raise `MtrainError` if it is not a run, or, if it must be `writable`, is not.

        `or_sweep`: the command takes a sweep, too, and says so.
        """
        remedy = "`mtrain fit` makes one" + (", `mtrain sweep` a sweep" if or_sweep else "")
        if not self.path.exists():
            kinds = "run or sweep" if or_sweep else "run"
            raise MtrainError(f"no such {kinds}", where=self.path, remedy=remedy)
        refuse_sweep(self.path)
        refuse_foreign(self.path)
        if not (self.environment.is_file() or self.checkpoints.is_dir()):
            problem = "not a run directory (no environment.json)"
            if or_sweep:
                problem = "neither a run (no environment.json) nor a sweep (no sweep.yaml)"
            raise MtrainError(problem, where=self.path, remedy=remedy)
        for folder in (self.path, self.checkpoints) if writable else ():
            if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
                raise MtrainError("cannot be written: no permission", where=folder)

    def refuse_links(self) -> None:
        """Raise `MtrainError` for a symbolic link: nothing outside is read or written."""
        tables = ("history.json", "history.csv", "by_class.csv")
        of_rows = ("learning.parquet", SUSPECTS)
        others = ("config.yaml", "environment.json", "tracking.json", "report.html", EXPORTED)
        locks = (LOCK, WRITER, EVALUATING)
        rooms = ("checkpoints", "charts", "rivals", "evaluation", "tensorboard", CODE)
        kinds = (".*.tmp", ".*.old", f"{LOGGING}*")
        found = [path.name for kind in kinds for path in self.path.glob(kind)]
        for name in (*tables, *of_rows, *others, *locks, *rooms, *found):
            refuse_link(self.path / name)
            for folder, folders, files in os.walk(self.path / name):
                for entry in (*folders, *files):
                    refuse_link(Path(folder, entry))

    def remove_leftovers(self) -> None:
        """Remove files that a killed process had half written, or half removed."""
        # Not of evaluations, which have a separate lock: one may be under way.
        for folder in (self.path, self.checkpoints, self.charts):
            remove_leftovers(folder)


def is_sweep(path: Path) -> bool:
    """Whether it is the folder of a sweep."""
    with suppress(OSError):  # as of a name that is too long, of which others tell
        return (path / SWEEP).is_file()
    return False


def refuse_sweep(path: Path) -> None:
    """Raise `MtrainError` for the folder of a sweep."""
    if is_sweep(path):
        remedy = "name one of its members; `mtrain sweep` with --resume continues it"
        raise MtrainError("is a sweep, not a run", where=path, remedy=remedy)


def refuse_link(path: Path) -> None:
    """Raise `MtrainError` for a symbolic link."""
    if path.is_symlink():
        raise MtrainError("is a symbolic link; a run must not have one", where=path)


def choose_directory(name: str, out: Path | None) -> RunDirectory:
    """`out` itself, or the first free one of `outputs/<name>`, `outputs/<name>-2`, ...

    Creates nothing yet. Raises `MtrainError` if it cannot be created, `UsageError` if `out` is not
    empty.
    """
    run = RunDirectory(out or _free(name))
    check_creatable(run.path)
    check_empty(run)
    return run


def check_empty(run: RunDirectory, remedy: str | None = None) -> None:
    """Raise `UsageError` if the folder has a run, or anything else.

    `remedy` is the message's alternative to a new folder; None: the one for a training.
    """
    if run.is_begun:
        other = (
            f"{option('resume')} resumes a run, and without {option('out')} the next free name in "
            f"{OUTPUTS} is taken"
        )
        new = f"{option('out')} takes a new or an empty folder, {remedy or other}"
        raise UsageError("is not empty", where=run.path, remedy=new)


def check_creatable(path: Path) -> None:
    """Raise `MtrainError` if no writable folder can be created at `path`."""
    if path.exists() and not path.is_dir():
        raise MtrainError(f"not a folder; {option('out')} takes a new or an empty one", where=path)
    above = (path, *path.absolute().parents)
    for place in above:
        if place.is_symlink() and not place.exists():
            raise MtrainError("a link to nothing; no folder can be made in it", where=place)
    ancestor = next(place for place in above if place.exists())
    if not ancestor.is_dir():
        raise MtrainError(f"cannot be made: {ancestor} is not a folder", where=path)
    if not os.access(ancestor, os.W_OK | os.X_OK):
        raise MtrainError(f"cannot be written: no permission in {ancestor}", where=path)


def make_directory(name: str, out: Path | None) -> RunDirectory:
    """Create `out`, or a free one of `outputs/<name>`; two runs that start at once get two.

    Raises `MtrainError` if it cannot be created.
    """
    while True:
        run = RunDirectory(out or _free(name))
        check_creatable(run.path)
        try:
            run.path.mkdir(parents=True, exist_ok=out is not None)
            flush_to_disk(run.path.parent)
        except FileExistsError:
            continue
        except OSError as error:
            raise MtrainError(f"cannot be made: {error.strerror}", where=run.path) from error
        return run


def _free(name: str) -> Path:
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return next(path for n in names if not os.path.lexists(path := OUTPUTS / n))
