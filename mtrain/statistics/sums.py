"""Sums whose last bit does not depend on the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtrain.records.arrays import Counts


def dot(a: Counts, b: Counts) -> Any:
    """The dot product of two vectors of one shape.

    `@` has BLAS split vectors of more than 10,000 numbers among the CPUs, so that the order of the
    sum, and its last bit, are those of their number; and a thread of it then waits, busy.
    """
    return (a * b).sum()
