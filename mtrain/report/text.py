"""Numbers and names as texts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def share(value: float | None) -> str:
    """A number in [0, 1] with three decimals; a dash if it is undefined."""
    # The z turns a -0.000 into 0.000.
    return "-" if value is None or math.isnan(value) else f"{value:z.3f}"


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
