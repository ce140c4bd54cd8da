"""Names that readers can hardly tell apart."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from mtrain.data.table import as_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ASCII = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u00b4\u0060", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
"""Quotation marks, dashes and hyphens that programs replace by one another."""

VARIANTS = {*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))}
"""Selectors of how the character before is drawn."""


def look_alikes(names: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each group of names that look alike, `'Yes' and 'yes'`, and how many they are.

    They differ in case, accents that are composed or not, width, space within, dashes, quotation marks,
    signs that are not drawn, or how a number is written.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        seen = _drawn(unicodedata.normalize("NFKC", name))
        plain = " ".join(seen.translate(ASCII).casefold().split())
        key = as_value(plain) or unicodedata.normalize("NFKC", plain)
        groups.setdefault(key, []).append(name)
    for alike in groups.values():
        if len(alike) > 1:
            # Names that are drawn alike are told apart by their code points.
            drawn = {_drawn(unicodedata.normalize("NFC", name)) for name in alike}
            quote = repr if len(drawn) == len(alike) else ascii
            yield " and ".join(map(quote, alike)), len(alike)


def _drawn(name: str) -> str:
    """Without signs that are not drawn, such as joiners."""
    return "".join(
        sign for sign in name if unicodedata.category(sign) != "Cf" and sign not in VARIANTS
    )
