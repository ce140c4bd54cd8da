"""Which kind of data a file is, by the end of its name."""

from __future__ import annotations

ENDINGS = {
    "csv": (".csv", ".tsv", ".csv.gz", ".tsv.gz"),
    "parquet": (".parquet", ".pq"),
    "npz": (".npz",),
}
"""By `dataset.name`, in lower case."""


def kind_by_ending(path: str) -> str | None:
    """The `dataset.name` of such a file; None: the ending is unknown."""
    lower = path.lower()
    return next((kind for kind, endings in ENDINGS.items() if lower.endswith(endings)), None)
