"""`reproduce --json`: a reproduction as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert

if TYPE_CHECKING:
    from mtrain.records.reproduction import Reproduction

SCHEMA = 1


def reproduction_as_json(reproduction: Reproduction) -> dict[str, Any]:
    """All of it, and whether each difference of a figure is shown."""
    data = {"schema": SCHEMA, **asdict(reproduction)}
    for entry, figure in zip(data["figures"], reproduction.figures, strict=True):
        entry |= {"within": figure.within, "is_shown": figure.is_shown}
    # The path of a run may not be UTF-8.
    data["runs"] = [inert(run) for run in reproduction.runs]
    if reproduction.comparison is not None:
        data["comparison"]["runs"] = data["runs"]
    if reproduction.seeds_folder is not None:
        data["seeds_folder"] = inert(reproduction.seeds_folder)
    return data
