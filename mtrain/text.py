"""Text that comes from data, as it may be shown."""

from __future__ import annotations


def inert(name: str) -> str:
    """A name that does nothing to a terminal or a chart: what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
