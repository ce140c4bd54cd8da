"""Sums whose last bit does not depend on the number of CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtrain.records.arrays import Counts


def dot(a: Counts, b: Counts) -> Any:
    """The dot product of two vectors of one shape.

    By `@`, BLAS splits vectors of more than 10,000 numbers among the CPUs: their number then decides
    the order of the sum, and its last bit. Its threads also stay busy for a while afterwards.
    """
    return (a * b).sum()
