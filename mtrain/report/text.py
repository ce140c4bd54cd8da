"""Numbers and names as texts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mtrain.records.gate import RuleResult

MARKS = {
    "learned": "✓",
    "not learned": "✗",
    "unproven": "?",
    "passed": "✓",
    "failed": "✗",
    "inconclusive": "?",
}
"""Marks of verdicts and of outcomes of gates, which stand before their words."""

_PLAIN = {"✓": "+", "✗": "x"}

MOST_ALIKE = 30
"""The most notes or warnings that are shown; with thousands of classes there may be thousands."""


def shortened(name: str) -> str:
    """At most 60 characters of a name, unprintable ones escaped."""
    name = inert(name)
    return name if len(name) <= 60 else f"{name[:57]}..."


def first_few(lines: Sequence[str]) -> list[str]:
    """At most `MOST_ALIKE` of them, and a line with the number of the others."""
    if len(lines) <= MOST_ALIKE:
        return list(lines)
    return [*lines[: MOST_ALIKE - 1], f"and {len(lines) - MOST_ALIKE + 1:,} more lines like these"]


def marks(encoding: str) -> dict[str, str]:
    """The marks that a stream of this encoding can show."""
    if encoding.lower().startswith("utf"):
        return MARKS
    return {word: _PLAIN.get(mark, mark) for word, mark in MARKS.items()}


def explained(result: RuleResult) -> str:
    """The value and what was counted, in a line."""
    of = f"{result.class_name}: " if result.class_name is not None else ""
    text = f"{of}{share(result.value)}, {result.reason}"
    if result.outcome != "inconclusive" or result.value is None:
        return text
    if result.rows_needed is None:
        return f"{text}; more rows would not decide it"
    return f"{text}; about {result.rows_needed:,} rows of the split would decide"


def signed(value: float | None) -> str:
    """A difference in three decimals."""
    return "-" if value is None else f"{value:+z.3f}"


def p_value(p: float | None) -> str:
    """A p-value in a table."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def share(value: float | None) -> str:
    """A number in [0, 1] with three decimals; a dash if it is undefined."""
    # The z turns a -0.000 into 0.000.
    return "-" if value is None or math.isnan(value) else f"{value:z.3f}"


def axis_start(shares: Iterable[float]) -> float:
    """Where an axis of shares begins that ends at 1: a tenth below all of them, at most 0.9."""
    return min(max(math.floor(10 * min(shares, default=0.0)), 0), 9) / 10


def change(value: float) -> str:
    """A difference of two shares with its sign and three decimals; a dash if it is undefined."""
    return "-" if math.isnan(value) else f"{value:+z.3f}"


def figure(value: float | None) -> str:
    """Any number with four significant digits; a dash if it is undefined."""
    return "-" if value is None or math.isnan(value) else f"{value:z.4g}"


def duration(seconds: float) -> str:
    """`0.35 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
