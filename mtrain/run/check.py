"""`check --json`: what was found in a data set as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert
from mtrain.records.check import Checked, Warned

if TYPE_CHECKING:
    from mtrain.data.inspect import Inspection

SCHEMA = 1


def inspection_as_json(inspection: Inspection) -> dict[str, Any]:
    """All of it but the encoding, of which it has the number of inputs."""
    checked = Checked(
        source=inert(inspection.source),  # a path may not be UTF-8
        classes=inspection.classes,
        rows={name: tuple(counts.tolist()) for name, counts in inspection.counts.items()},
        inputs=inspection.encoding.n_features,
        missing=inspection.missing,
        n_bytes=inspection.n_bytes,
        facts=tuple(map(inert, inspection.facts)),
        warnings=tuple(Warned(note.kind, str(inert(note))) for note in inspection.warnings),
        suspects=inspection.suspects,
        rivals=inspection.rivals,
    )
    return {"schema": SCHEMA, **asdict(checked)}
