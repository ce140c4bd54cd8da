"""Sweeps for tests, and what must be the same in two of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from crashtest import digest

from mtrain.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

SMALL = """
name: small
dataset: {name: digits, samples: 200}
model: {hidden: 12}
training: {epochs: 3}
"""


def written(folder: Path, text: str = SMALL, name: str = "small.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def sweep(*arguments: object) -> int:
    """The exit status of the command."""
    return run(["sweep", *map(str, arguments), "--quiet"])


def tables(folder: Path) -> tuple[str, str, str]:
    """The files of a sweep, which have no times in them."""
    names = ("sweep.yaml", "sweep.json", "sweep.csv")
    return tuple((folder / name).read_text() for name in names)


def result(folder: Path) -> dict:
    return json.loads((folder / "sweep.json").read_text())


def members(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/environment.json"))


def digests(folder: Path) -> dict[str, str]:
    """Of every finished member: its weights, history and metrics."""
    return {path.name: digest(path) for path in members(folder) if (path / "evaluation").is_dir()}
