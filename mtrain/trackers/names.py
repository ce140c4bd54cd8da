"""Names that trackers allow, from which the original ones can be had again."""

from __future__ import annotations

import hashlib
import re

_ILLEGAL = re.compile(r"[^\w .-]|^[ .]|[ .]$|_(?=x)")

LONGEST = 150
"""Characters: with the other parts of a figure's name it stays within MLflow's 250."""

_ESCAPE = re.compile(r"_x([0-9A-F]+)_")


def legal(name: str) -> str:
    """`name` with letters, digits and `_ . -` and spaces alone: `a/b` is `a_x2F_b`.

    These are what MLflow allows but for the slash, which separates the parts of a figure's name;
    and a path begins and ends otherwise than with a dot or a space. A name that would have more than
    150 characters is cut, and ends in a hash.
    """
    escaped = _ILLEGAL.sub(lambda match: f"_x{ord(match[0]):X}_", name)
    if len(escaped) <= LONGEST:
        return escaped
    return f"{escaped[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def original(name: str) -> str:
    """The name that `legal` made legal, unless it cut it."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), name)
