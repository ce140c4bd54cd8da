"""`export --json`: an exported model as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert

if TYPE_CHECKING:
    from mtrain.records.export import Export

SCHEMA = 1


def export_as_json(exported: Export) -> dict[str, Any]:
    """All of it."""
    # A path may not be UTF-8.
    return {"schema": SCHEMA, **asdict(exported), "path": inert(str(exported.path))}
