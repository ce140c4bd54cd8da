"""`tracking.json`: by what trackers know a run or a sweep, and what they were given; `log --json`."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter

from mtrain.errors import MtrainError
from mtrain.escape import inert
from mtrain.records.tracking import Logged
from mtrain.run.directory import refuse_link
from mtrain.run.files import is_denied, json_text, read_json, write_text
from mtrain.run.lock import logging_alone
from mtrain.run.reading import of_schema, reading, validated

SCHEMA = 1
TRACKING = "tracking.json"


@dataclass(frozen=True)
class Tracking:
    """What a run's folder remembers for trackers."""

    id: Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
    """Goes with the folder, wherever it is moved."""

    logged: dict[str, str] = field(default_factory=dict)
    """By the value of `mtrain log --to`, the digest of what a tracker was given that cannot be asked."""

    files: dict[str, str] = field(default_factory=dict)
    """By the same value, where that was written; what is on a server has none."""

    @property
    def digests(self) -> frozenset[str]:
        """Of what was given, and is still there if it was written to a file."""
        return frozenset(
            digest
            for to, digest in self.logged.items()
            if to not in self.files or Path(self.files[to]).exists()
        )


def read_tracking(folder: Path) -> Tracking:
    """Read the `tracking.json` of the run or sweep in `folder`; it is made at the first call.

    The id outlives a kill before the first checkpoint, after which training starts anew. Raises
    `MtrainError` if the file cannot be written, or is not as mtrain writes it.
    """
    path = folder / TRACKING
    refuse_link(path)
    if not path.exists():
        with logging_alone(folder, "id"):  # two that are first get the same one
            if not path.exists():
                _write(Tracking(uuid.uuid4().hex), path)
    data = read_json(path)
    with reading(path, "what trackers know"):
        return validated(TypeAdapter(Tracking), of_schema(data, SCHEMA))


def remember_logged(folder: Path, to: str, digest: str, file: Path | None) -> None:
    """Keep the digest of what was given by `mtrain log --to`, and the file where it was written, if any.

    A folder that this user may not write stays as it is.
    """
    known = read_tracking(folder)
    files = {name: path for name, path in known.files.items() if name != to}
    if file is not None:
        files[to] = str(file.absolute())
    try:
        _write(replace(known, logged={**known.logged, to: digest}, files=files), folder / TRACKING)
    except MtrainError as error:
        if not is_denied(error):
            raise


def _write(tracking: Tracking, path: Path) -> None:
    write_text(path, json_text({"schema": SCHEMA, **asdict(tracking)}))


@dataclass(frozen=True)
class LoggedRuns:
    """What `log --json` prints."""

    logged: tuple[Logged, ...]


def logged_as_json(runs: LoggedRuns) -> dict[str, Any]:
    """All of it."""
    # A path may not be UTF-8.
    logged = [
        {**asdict(one), "run": inert(one.run), "where": inert(one.where)} for one in runs.logged
    ]
    return {"schema": SCHEMA, "logged": logged}
