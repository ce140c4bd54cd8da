"""The result of gates in the console: a line a rule, the worst first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from mtrain.config.experiment.gates import BASELINE, parse_rule
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import explained, marks

if TYPE_CHECKING:
    from mtrain.records.gate import Gate


def print_gate(gate: Gate, stream: TextIO) -> None:
    """Each rule with its mark, outcome, value and what was counted; the sum of all."""
    console = make_console(stream)
    mark = marks(console.encoding)
    if any(parse_rule(result.rule).than == BASELINE for result in gate.results):
        console.print(inert_text(f"baseline: {gate.baseline}"))
    for result in gate.worst_first:
        line = f"{mark[result.outcome]} {result.outcome}: {result.rule}: {explained(result)}"
        console.print(inert_text(line))
    if gate.looks > 1:
        chosen = "The checkpoint was chosen on this split; the p-values allow for"
        console.print(f"{chosen} the choice among {gate.looks:,}")
    console.print(inert_text(f"gate {gate.summary}"))
