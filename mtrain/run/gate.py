"""`gate --json`: the result of gates as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert

if TYPE_CHECKING:
    from mtrain.records.gate import Gate

SCHEMA = 1


def gate_as_json(gate: Gate) -> dict[str, Any]:
    """All of it, with the outcome of all rules."""
    names = {"run": inert(gate.run), "baseline": inert(gate.baseline)}  # a path may not be UTF-8
    return {"schema": SCHEMA, "outcome": gate.outcome, **asdict(gate), **names}
