"""Texts from data, and sizes, as people are shown them."""

from __future__ import annotations

import html


def inert(name: str) -> str:
    """A name made harmless for terminals and charts: unprintable characters are escaped."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def inert_html(text: str) -> str:
    """A text made harmless for a page of HTML."""
    return html.escape(inert(text))


def bytes_as_text(n_bytes: float) -> str:
    """In three digits: `3.24 kB`, `212 MB`."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n_bytes >= 0.9995 * size:  # 999,500 would be 1e+03 kB
            return f"{n_bytes / size:.3g} {unit}"
    return f"{n_bytes:.0f} byte{'s' * (n_bytes != 1)}"
