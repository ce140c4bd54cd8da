"""`compare --json`: comparisons of runs as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.comparison import Comparison

SCHEMA = 1


def comparisons_as_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """One comparison itself; several as a list, with the names of all their runs."""
    each = [asdict(comparison) for comparison in comparisons]
    if len(each) == 1:
        return {"schema": SCHEMA, **each[0]}
    runs = [comparisons[0].runs[0], *(comparison.runs[1] for comparison in comparisons)]
    return {"schema": SCHEMA, "runs": runs, "comparisons": each}
