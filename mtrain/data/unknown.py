"""Categories unseen in training, as they are said."""

from __future__ import annotations

MANY = 0.1
"""Share of a column's rows from which what is predicted of them is in doubt."""


def unknown_note(column: str, n: int, rows: int) -> str:
    """What to say of `n` of `rows` rows, in which `column` has a category unseen in training."""
    said = f"column {column!r} has a category unseen in training; it is encoded as zeros"
    if n < MANY * rows:
        return f"in {n:,} row{'s' * (n > 1)} {said}"
    return (
        f"WARNING: in {n:,} of {rows:,} rows ({n / rows:.0%}) {said}, and the model cannot see what it "
        "is; are categories written as in training?"
    )
