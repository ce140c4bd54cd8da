"""Rows as they were read to the numbers a model is fed, by what the training split taught."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.table import Table
from mtrain.errors import MtrainError
from mtrain.records import Column, Encoding, Split

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.data.table import Values

FILLS: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "zero": lambda _: 0.0,
}
"""Of a column's numbers, what stands for a missing one."""


def learn_encoding(
    train: Rows, *, divisor: float | None, standard: bool, missing: str | None = None
) -> Encoding:
    """What is to be learned from the training rows.

    `standard` brings each number to mean 0 and deviation 1; `missing` is a name of `FILLS`, or None
    where nothing is missing. Of a table only numbers are brought so, not categories.
    """
    if isinstance(train.features, Table):
        return _learn_columns(train.features, missing, standard=standard)
    shape = train.features.shape[1:]
    if not standard:
        return Encoding(shape=shape, divisor=divisor)
    flat = train.features.reshape(len(train), -1)
    mean = flat.mean(axis=0, dtype=np.float64).astype(np.float32)
    deviation = _deviation(flat).astype(np.float32)
    return Encoding(shape=shape, mean=_floats(mean), deviation=_floats(deviation))


def encode(rows: Rows, encoding: Encoding, where: str) -> tuple[Split, dict[str, int]]:
    """The rows as inputs of shape (N, `encoding.n_features`), and what was unknown.

    That is, by column, in how many rows stands a category that training had not. Raises
    `MtrainError` naming `where` for rows of another shape.
    """
    unknown: dict[str, int] = {}
    if isinstance(rows.features, Table):
        features = _encode_columns(rows.features, encoding, unknown)
    else:
        features = rows.features.reshape(len(rows), -1)
        if features.shape[1] != encoding.n_features or encoding.columns:
            raise MtrainError(
                f"{where}: rows of {features.shape[1]} values; training had {encoding.n_features}"
            )
        if encoding.divisor is not None and features.dtype != np.uint8:
            raise MtrainError(f"{where}: rows are {features.dtype}; training had bytes")
        if encoding.mean:
            features = features.astype(np.float32)
            features -= np.array(encoding.mean, np.float32)
            features /= np.array(encoding.deviation, np.float32)
    return Split(features, rows.labels, rows.rows, rows.weights, rows.names), unknown


def _learn_columns(table: Table, missing: str | None, *, standard: bool) -> Encoding:
    columns, means, deviations = [], [], []
    for name, column in table.columns.items():
        if column.kind == "number":
            present = column.values[~np.isnan(column.values)]
            fill = None if missing is None else _fill(present, missing)
            filled = _filled(column, fill)
            columns.append(Column(name, column.kind, fill))
            means.append(float(filled.mean()))
            deviations.append(float(_deviation(filled)))
        else:
            seen = np.unique(column.values[column.values >= 0])
            categories = tuple(column.categories[code] for code in seen)
            columns.append(Column(name, column.kind, categories=categories))
            means += [0.0] * len(categories)
            deviations += [1.0] * len(categories)
    if not standard:
        return Encoding(columns=tuple(columns))
    return Encoding(columns=tuple(columns), mean=tuple(means), deviation=tuple(deviations))


def _encode_columns(
    table: Table, encoding: Encoding, unknown: dict[str, int]
) -> NDArray[np.float32]:
    features = np.zeros((len(table), encoding.n_features), np.float32)
    at = 0
    for column in encoding.columns:
        values = table.columns[column.name]
        if column.kind == "number":
            filled = _filled(values, column.fill)
            if encoding.mean:
                filled = (filled - encoding.mean[at]) / encoding.deviation[at]
            features[:, at] = filled
        else:
            places = {category: at + place for place, category in enumerate(column.categories)}
            # One place more: of a missing category, whose code is -1.
            known = np.array([*(places.get(c, -1) for c in values.categories), -1])
            inputs = known[values.values]
            rows = np.flatnonzero(inputs >= 0)
            features[rows, inputs[rows]] = 1
            if n := int(np.count_nonzero((inputs < 0) & (values.values >= 0))):
                unknown[column.name] = n
        at += column.width
    return features


def _fill(present: NDArray[np.float64], missing: str) -> float:
    return float(FILLS[missing](present)) if len(present) else 0.0


def _filled(column: Values, fill: float | None) -> NDArray[np.float64]:
    return column.values if fill is None else np.nan_to_num(column.values, nan=fill)


def _deviation(features: NDArray[Any]) -> Any:
    """Standard deviation of each feature.

    Of a constant one 1, as in scikit-learn's StandardScaler: it becomes 0.
    """
    deviation = features.std(axis=0, dtype=np.float64)
    # That of a constant 0.1 is not quite 0.
    constant = features.min(axis=0) == features.max(axis=0)
    return np.where(constant | (deviation == 0), 1.0, deviation)


def _floats(values: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(values.astype(float).tolist())
