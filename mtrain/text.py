"""Names and sizes as they are shown."""

from __future__ import annotations


def inert(name: str) -> str:
    """A name that does nothing to a terminal or a chart: what is not printable is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def bytes_as_text(n_bytes: float) -> str:
    """In three digits, and thousands of bytes as kB."""
    # From 999.5 on there is no third digit.
    units = {"GB": 1e9, "MB": 1e6, "kB": 1e3, "bytes": 1}
    unit, size = next(
        ((unit, size) for unit, size in units.items() if n_bytes >= 0.9995 * size), ("bytes", 1)
    )
    return f"{n_bytes / size:.3g} {unit}"
