"""`compare --json`: comparisons of runs as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.records.comparison import Comparison

SCHEMA = 1


def comparisons_as_json(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """One comparison itself; several as a list, with the names of all their runs."""
    # The path of a run may not be UTF-8.
    each = [{**asdict(one), "runs": list(map(inert, one.runs))} for one in comparisons]
    if len(each) == 1:
        return {"schema": SCHEMA, **each[0]}
    runs = [each[0]["runs"][0], *(one["runs"][1] for one in each)]
    return {"schema": SCHEMA, "runs": runs, "comparisons": each}
