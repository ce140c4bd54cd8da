"""Where mtrain is installed, with what, and on which machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Origin = Literal["installed", "editable", "not installed"]
"""How Python finds mtrain: as a package, as an editable install, or by its path alone."""


@dataclass(frozen=True)
class Installation:
    """What a bug report needs."""

    version: str
    folder: Path
    """The package's own."""

    origin: Origin
    commit: str | None
    """The commit of its checkout, with `-dirty` if files of it were changed; None without one."""

    python: str
    """Implementation and version."""

    executable: str
    """The path of Python."""

    platform: str
    processor: str
    """Its model, and its vector instructions."""

    cpus: int
    """CPUs that this process may use."""

    memory: int
    """Bytes that this process may use, of the machine's or of its container's."""

    versions: Mapping[str, str | None]
    """Of packages that mtrain always needs; None if no package of this name is installed."""

    extras: Mapping[str, Mapping[str, str | None]]
    """By extra, the versions of its packages; None for one that is not installed."""

    flags: Mapping[str, str]
    """Environment variables that are set and change what TensorFlow computes."""
