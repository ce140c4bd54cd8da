"""A constraints file for pip, with the versions of a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mtrain.errors import MtrainError
from mtrain.escape import inert
from mtrain.run.environment import read_environment
from mtrain.run.files import begins, write_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.records.run import Environment

BEGINNING = "# Versions of a run of mtrain: "

PACKAGE = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"
VERSION = r"[0-9][A-Za-z0-9.!+_-]{0,98}"


def holds_constraints(path: Path) -> bool:
    """Whether the file is one that `write_constraints` wrote."""
    return begins(path, BEGINNING.encode())


def write_constraints(environment_file: Path, path: Path) -> None:
    """Write the versions of an `environment.json` for `pip install -c`.

    Python's version is a comment: pip cannot install it. Raises `MtrainError` for a file that is not an environment, or
    that names no packages and versions: a line of a constraints file may be an option or an address.
    """
    environment = read_environment(environment_file)
    for package, version in environment.versions.items():
        is_version = version is None or re.fullmatch(VERSION, version)
        if not (re.fullmatch(PACKAGE, package) and is_version):
            problem = f"{package!r:.60}: {version!r:.60} is not a package and its version"
            raise MtrainError(problem, where=environment_file)
    write_text(path, "".join(f"{line}\n" for line in _lines(environment)))


def _lines(environment: Environment) -> Iterator[str]:
    python = environment.versions.get("python")
    yield f"{BEGINNING}Python {python}, {inert(environment.platform)}"
    for package, version in environment.versions.items():
        if package == "python":
            continue
        if version is None:
            yield f"# {package}: of a package with another name"
        else:
            yield f"{package}=={version}"
