"""The result of gates in the console: a line a rule, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from mtrain.report.ci import MARKS, explained
from mtrain.report.console.output import inert_text, make_console

if TYPE_CHECKING:
    from mtrain.records.gate import Gate

PLAIN_MARKS = MARKS | {"passed": "+", "failed": "x"}
"""For output without Unicode."""


def print_gate(gate: Gate, stream: TextIO) -> None:
    """Each rule with its mark, outcome, value and what was counted; the sum of all."""
    console = make_console(stream)
    marks = MARKS if console.encoding.startswith("utf") else PLAIN_MARKS
    if any("baseline" in result.rule for result in gate.results):
        console.print(inert_text(f"baseline: {gate.baseline}"))
    for result in gate.worst_first:
        line = f"{marks[result.outcome]} {result.outcome}: {result.rule}: {explained(result)}"
        console.print(inert_text(line))
    console.print(inert_text(f"gate {gate.summary}"))
