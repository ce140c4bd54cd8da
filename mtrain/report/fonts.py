"""Installed fonts with the letters of names that matplotlib's font lacks."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING

from mtrain.escape import inert
from mtrain.loading import load_matplotlib
from mtrain.report.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

MATPLOTLIB_FONT = "DejaVu Sans"
"""The font that comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and some more."""

EAST_ASIAN = {"BOPOMOFO", "CJK", "FULLWIDTH", "HALFWIDTH", "HANGUL", "HIRAGANA", "KATAKANA"}
"""How Unicode's names of Chinese, Japanese and Korean characters begin."""


def font_families(names: Iterable[str]) -> list[str]:
    """The font families for these names, in order of use; matplotlib's font comes first."""
    families, missing = [MATPLOTLIB_FONT], _missing(names)
    for family, path in _installed() if missing else ():
        if letters := missing & _letters_of(path):
            families.append(family)
            missing -= letters
    return families


def missing_letters(names: Iterable[str]) -> str | None:
    """What to install for letters that no installed font has; None if there are no such letters."""
    names = list(names)
    missing = _missing(names)
    for _, path in _installed() if missing else ():
        missing -= _letters_of(path)
    if not missing:
        return None
    name = next(name for name in names if missing & _letters(name))
    return (
        f"No installed font has all letters of '{shortened(name)}', which charts show as "
        f"boxes; Debian's package {_package(min(missing))} brings one."
    )


def _missing(names: Iterable[str]) -> set[int]:
    """The letters that matplotlib's font lacks."""
    letters: set[int] = set().union(*map(_letters, names))
    if all(letter < 0x180 for letter in letters):  # Latin: no font needs to be opened
        return set()
    load_matplotlib()
    from matplotlib.font_manager import findfont

    return letters - _letters_of(str(findfont(MATPLOTLIB_FONT)))


def _letters(name: str) -> set[int]:
    return {ord(letter) for letter in inert(name)}


@cache
def _letters_of(path: str) -> frozenset[int]:
    """The characters that the font at `path` has."""
    load_matplotlib()
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):  # it was removed, or is damaged
        return frozenset()


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    """Family and file of each upright font of normal weight, those without serifs first."""
    load_matplotlib()
    from matplotlib.font_manager import fontManager

    fonts = {
        (entry.name, entry.fname)
        for entry in fontManager.ttflist
        # Only the first font of a collection is opened; the last resort has only boxes.
        if entry.style == "normal"
        and entry.weight in {400, "normal"}
        and getattr(entry, "index", 0) == 0
        and not entry.name.startswith("Last Resort")
    }
    return tuple(sorted(fonts, key=lambda font: ("Sans" not in font[0], font)))


def _package(letter: int) -> str:
    """The Debian package with a font that has this letter."""
    if unicodedata.name(chr(letter), "").partition(" ")[0] in EAST_ASIAN:
        return "fonts-noto-cjk"
    is_symbol = unicodedata.category(chr(letter)).startswith("S")
    return "fonts-symbola" if is_symbol else "fonts-noto-core"
