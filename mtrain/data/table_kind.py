"""Whether a path is a CSV or a Parquet table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.catalog.endings import ENDINGS
from mtrain.data.files import has_ending

if TYPE_CHECKING:
    from pathlib import Path

TABLES = {"csv": (*ENDINGS["csv"], ".txt"), "parquet": ENDINGS["parquet"]}
"""Endings of each kind of table, in the order in which they are tried."""


def table_kind(path: Path) -> str | None:
    """`csv` or `parquet`, by the ending of the file, of the pattern, or of what is in the folder.

    None: neither.
    """
    if path.is_dir():
        # A .txt beside the files of a table is about them, rather than one of them.
        files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() != ".txt"]
        files = [f for f in files if not any(p.startswith(".") for p in f.relative_to(path).parts)]
    else:
        files = [path]
    for file in files:
        for kind, endings in TABLES.items():
            if has_ending(file, endings):
                return kind
    return None
