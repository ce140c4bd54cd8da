"""The consistency of an encoding that was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtrain.records.dataset import Column, Encoding


def check_encoding(encoding: Encoding) -> None:
    """Raise `ValueError` for parts that are inconsistent."""
    for column in encoding.columns:
        _check_column(column)
    if bool(encoding.shape) == bool(encoding.columns) or encoding.n_features < 1:
        raise ValueError("encoding: rows are either arrays of a shape or have columns")
    if encoding.mean and len(encoding.mean) != encoding.n_features:
        raise ValueError(f"encoding: {len(encoding.mean)} means of {encoding.n_features} inputs")
    if len(encoding.mean) != len(encoding.deviation):
        raise ValueError("encoding: as many means as deviations are needed")
    if encoding.is_robust and not (encoding.columns and encoding.mean):
        raise ValueError("encoding: only scaled columns are robust")
    divisors = [] if encoding.divisor is None else [encoding.divisor]
    if encoding.columns and encoding.divisor is not None:
        raise ValueError("encoding: columns have no divisor")
    if not all(value > 0 for value in (*encoding.deviation, *divisors)):
        raise ValueError("encoding: what divides must be above 0")
    names = [column.name for column in encoding.columns]
    if len(set(names)) < len(names):
        raise ValueError("encoding: a column is listed twice")


def _check_column(column: Column) -> None:
    if len(column.knots) != len(column.levels) or list(column.knots) != sorted(set(column.knots)):
        raise ValueError("encoding: knots must be ascending, each with a level")
    if column.kind == "number" and (column.categories or column.rare):
        raise ValueError("encoding: a number has no categories")
    if any(list(each) != sorted(set(each)) for each in (column.categories, column.rare)):
        raise ValueError("encoding: categories must be sorted, each there once")
    if not set(column.categories).isdisjoint(column.rare):
        raise ValueError("encoding: a rare category must not be among the others")
