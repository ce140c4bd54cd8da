"""Errors that the user can correct, and the exit status of each kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


Keys = tuple[str | int, ...]
"""The place of a value: `("model", "hidden", 1)` is `model.hidden[1]`."""


@dataclass(frozen=True)
class Problem:
    """A problem that a user can correct."""

    what: str
    """The problem, and the value found."""

    where: str = ""
    """A file, a folder, an option or a function; empty: `what` says it."""

    line: int | None = None
    """The line of the file, from 1."""

    key: Keys = ()
    """The key of a setting."""

    remedy: str = ""
    """The remedy, if it is not obvious."""

    def __str__(self) -> str:
        """`WHERE:LINE: KEY: WHAT; REMEDY`; each part but `WHAT` may be missing."""
        place = f"{self.where}:{self.line}" if self.line else self.where
        parts = [part for part in (place, dotted(self.key), self.what) if part]
        return ": ".join(parts) + (f"; {self.remedy}" if self.remedy else "")


class MtrainError(Exception):
    """A problem of a file, the disk or the data.

    The text is the whole message, a line for each of its `problems`. `exit_status` is what the
    command returns.
    """

    exit_status = 1

    def __init__(self, *problems: Problem | str, where: object = "", remedy: str = "") -> None:
        """`where` and `remedy` are those of a single problem that is given as text."""
        self.problems = tuple(
            Problem(problem, str(where), remedy=remedy) if isinstance(problem, str) else problem
            for problem in problems
        )
        super().__init__(*map(str, self.problems))

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class UsageError(MtrainError):
    """The config or the command line asks for something impossible."""

    exit_status = 2


class MissingPathError(MtrainError):
    """A `path` in a config does not exist.

    Callers that know the config's file add its name and line.
    """

    def __init__(self, path: str, problem: Problem) -> None:
        self.path = path
        self.problem = problem
        super().__init__(problem)

    def with_remedy(self, remedy: str) -> MissingPathError:
        """The same error, with a remedy."""
        return MissingPathError(self.path, replace(self.problem, remedy=remedy))


class ColumnError(MtrainError):
    """A column of a table cannot be read; `problem` says why, without the column's name."""

    def __init__(self, column: str, problem: str, *, where: object, remedy: str = "") -> None:
        self.problem = problem
        super().__init__(f"column {column!r} {problem}", where=where, remedy=remedy)


class BadRowsError(MtrainError):
    """Rows of a table have values that cannot be predicted.

    Callers that can set such rows aside add how.
    """


class BrokenImageError(MtrainError):
    """The image file at `path` cannot be read.

    Callers that know the data set add its other images that cannot be read.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(problem, where=path)


class SettingError(UsageError):
    """Settings that are valid but impossible with this data or this model.

    Each problem has the `key` of a setting; callers that know the config's file add its name and
    line.
    """

    def __init__(self, *problems: tuple[Keys, str]) -> None:
        super().__init__(*(Problem(problem, key=key) for key, problem in problems))


class DivergedError(MtrainError):
    """The loss or a weight is no longer a finite number."""

    exit_status = 4


def dotted(keys: Keys) -> str:
    """`("model", "hidden", 1)` as `model.hidden[1]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{_printable(key)}" for key in keys)
    return text.removeprefix(".")


def _printable(key: str) -> str:
    return key if key.isprintable() and key else repr(key)
