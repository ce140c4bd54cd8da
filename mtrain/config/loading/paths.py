"""Suggestions for a path that does not exist."""

from __future__ import annotations

import difflib
import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_NAMES = 10_000
"""The most names of a folder that are compared."""

CUTOFF = 0.7
"""Similarity from which one name is suggested for another."""


def nearest_path(path: Path, endings: tuple[str, ...] = ()) -> str:
    """The end of a message about `path`, which does not exist: the nearest name that does.

    Only files with one of `endings` are named, if there are any. Empty if no name is similar and
    the folder exists.
    """
    if re.search(r"[\a\b\t\n\v\f\r]", str(path)):
        return "; a backslash in double quotes begins an escape: use single quotes, or / in a path"
    missing = path
    names: list[str] = []
    try:
        while not missing.parent.exists() and missing != missing.parent:
            missing = missing.parent
        if missing.parent.is_dir():
            names = [entry.name for entry in itertools.islice(missing.parent.iterdir(), MOST_NAMES)]
    except OSError:
        return ""
    if endings and missing == path:
        names = [name for name in names if name.lower().endswith(endings) or "." not in name]
    by_case = {name.lower(): name for name in names}
    near = difflib.get_close_matches(missing.name.lower(), by_case, n=1, cutoff=CUTOFF)
    lacks = "" if missing == path else f"; there is no {missing.name!r} in {missing.parent}"
    return f"{lacks}; did you mean {by_case[near[0]]!r}?" if near else lacks
