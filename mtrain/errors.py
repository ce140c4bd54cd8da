"""What can go wrong in a way the user can mend, and the exit status of each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


Keys = tuple[str | int, ...]
"""Where a value stands: `("model", "hidden", 1)` is `model.hidden[1]`."""


class MtrainError(Exception):
    """A file, the disk or the data is not as it must be.

    The text is the whole message, `WHERE: what is wrong, what was found`; an error that lists
    several problems has one a line. `exit_status` is what the command returns.
    """

    exit_status = 1


class UsageError(MtrainError):
    """The config or the command line asks for something that cannot be."""

    exit_status = 2


class MissingPathError(MtrainError):
    """There is nothing at a path that a config names.

    Whoever knows the config's file adds its name and line.
    """

    def __init__(self, path: str, problem: str) -> None:
        self.path = path
        super().__init__(problem)


class BrokenImageError(MtrainError):
    """The image file at `path` cannot be read.

    Whoever knows the other images of the data set adds those that cannot be read either.
    """

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}")


class SettingError(UsageError):
    """Settings that are valid but cannot be had with this data or this model.

    `problems` has, for each, where it stands in the config (`("dataset", "samples")`) and what is
    wrong; whoever knows the config's file adds its name and line.
    """

    def __init__(self, *problems: tuple[Keys, str]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{dotted(keys)}: {problem}" for keys, problem in problems))


class DivergedError(MtrainError):
    """The loss or a weight is no longer a finite number."""

    exit_status = 4


def dotted(keys: Keys) -> str:
    """`("model", "hidden", 1)` as `model.hidden[1]`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{_printable(key)}" for key in keys)
    return text.removeprefix(".")


def _printable(key: str) -> str:
    return key if key.isprintable() and key else repr(key)
