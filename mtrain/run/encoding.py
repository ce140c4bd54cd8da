"""What training learned of its data, as plain numbers and names in `state.json`."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from mtrain.records.dataset import Column, Encoding

KINDS = ("number", "boolean", "text")


def encoding_as_json(encoding: Encoding) -> dict[str, Any]:
    """Plain data."""
    return asdict(encoding)


def encoding_from_json(data: Any) -> Encoding:
    """The encoding that `data` says; raises `TypeError`, `KeyError` or `ValueError` for none."""
    encoding = Encoding(
        shape=tuple(_size(size) for size in data["shape"]),
        is_bytes=_boolean(data["is_bytes"]),
        columns=tuple(_column(column) for column in data["columns"]),
        divisor=None if data["divisor"] is None else _number(data["divisor"]),
        mean=tuple(_number(value) for value in data["mean"]),
        deviation=tuple(_number(value) for value in data["deviation"]),
        largest=None if data["largest"] is None else _number(data["largest"]),
    )
    if bool(encoding.shape) == bool(encoding.columns) or encoding.n_features < 1:
        raise ValueError("encoding: rows are either arrays of a shape or have columns")
    if encoding.mean and len(encoding.mean) != encoding.n_features:
        raise ValueError(f"encoding: {len(encoding.mean)} means of {encoding.n_features} inputs")
    if len(encoding.mean) != len(encoding.deviation):
        raise ValueError("encoding: as many means as deviations are needed")
    divisors = [] if encoding.divisor is None else [encoding.divisor]
    if encoding.columns and encoding.divisor is not None:
        raise ValueError("encoding: columns have no divisor")
    if not all(value > 0 for value in (*encoding.deviation, *divisors)):
        raise ValueError("encoding: what divides must be above 0")
    names = [column.name for column in encoding.columns]
    if len(set(names)) < len(names):
        raise ValueError("encoding: a column is there twice")
    return encoding


def _column(data: Any) -> Column:
    column = Column(
        name=_text(data["name"]),
        kind=_text(data["kind"]),
        fill=None if data["fill"] is None else _number(data["fill"]),
        categories=tuple(_text(category) for category in data["categories"]),
        constant=None if data["constant"] is None else _number(data["constant"]),
    )
    if column.kind not in KINDS:
        raise ValueError(f"encoding: a column is {column.kind!r:.40}")
    if column.kind == "number" and column.categories:
        raise ValueError("encoding: a number has no categories")
    if list(column.categories) != sorted(set(column.categories)):
        raise ValueError("encoding: categories must be sorted, each there once")
    return column


def _size(value: Any) -> int:
    if type(value) is not int or not 1 <= value < 2**31:
        raise TypeError(f"encoding: a size must be a number from 1, got {value!r:.40}")
    return value


def _number(value: Any) -> float:
    if type(value) is not float or not math.isfinite(value):
        raise TypeError(f"encoding: numbers must be finite, got {value!r:.40}")
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"encoding: is_bytes must be true or false, got {value!r:.40}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"encoding: names must be text, got {value!r:.40}")
    return value
