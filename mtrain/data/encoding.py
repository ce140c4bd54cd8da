"""From rows as read to the inputs of a model, by what was learned from the training split."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.table import Table, as_category, categories_of, some_at_once, with_zeros
from mtrain.data.unlike import UNKNOWN, count_unlike
from mtrain.errors import MtrainError
from mtrain.records.dataset import Column, Encoding, Split

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.data.source import Rows
    from mtrain.data.unlike import Unlike
    from mtrain.records.arrays import Ints

ROWS_AT_ONCE = 10_000

ROWS_NEAR = 1 << 12
"""Rows of columns that are encoded at once."""

FILLS: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "zero": lambda _: 0.0,
}
"""What replaces a missing number, computed from the column's numbers."""


def learn_encoding(
    train: Rows, *, divisor: float | None, standard: bool, missing: str | None = None
) -> Encoding:
    """Learn the encoding from the training rows.

    `standard` scales each number to mean 0 and deviation 1; `missing` is a name of `FILLS`, or None
    if nothing is missing. Categories of a table are not scaled.
    """
    if isinstance(train.features, Table):
        return _learn_columns(train.features, missing, standard=standard)
    is_bytes = train.features.dtype == np.uint8
    encoding = Encoding(
        shape=train.features.shape[1:],
        is_bytes=is_bytes,
        divisor=divisor,
        largest=None if is_bytes else float(np.abs(train.features).max()),
    )
    if not standard:
        return encoding
    flat = train.features.reshape(len(train), -1)
    mean, deviation = flat.mean(axis=0, dtype=np.float64), _deviation(flat)
    return replace(encoding, mean=tuple(mean.tolist()), deviation=tuple(deviation.tolist()))


TOO_FAR = "a value is too far from those of the training"


def encode(
    rows: Rows, encoding: Encoding, where: str, *, allow_far: bool = False
) -> tuple[Split, Counter[Unlike]]:
    """The rows as inputs of shape (N, `encoding.n_features`), and how they are unlike training.

    That is the number of rows by how and column. Raises `MtrainError` naming `where` for rows of
    another shape, and for values so far from those of the training that no float32 can say it; if they
    are allowed, inputs are infinite.
    """
    unknown: dict[str, int] = {}
    with np.errstate(over="ignore"):
        if isinstance(rows.features, Table):
            features = _encode_columns(rows.features, encoding, unknown)
        else:
            features = _encode_arrays(rows.features, encoding, where)
    if features.dtype == np.float32 and not allow_far:
        finite = np.isfinite(features).all(axis=1)
        if not finite.all():
            row = int(rows.rows[finite.argmin()])
            at = f"{where}: row {row:,}" if rows.place is None else rows.place(row)
            raise MtrainError(TOO_FAR, where=at)
    unlike = count_unlike(rows, encoding, features)
    unlike.update({(UNKNOWN, name): n for name, n in unknown.items()})
    split = Split(features, rows.labels, rows.rows, rows.weights, rows.names, rows.groups)
    return split, unlike


def _encode_arrays(arrays: NDArray[Any], encoding: Encoding, where: str) -> NDArray[Any]:
    if arrays.shape[1:] not in {encoding.shape, (encoding.n_features,)} or encoding.columns:
        had = "columns" if encoding.columns else encoding.shape
        raise MtrainError(f"rows of the shape {arrays.shape[1:]}; training had {had}", where=where)
    if encoding.is_bytes and arrays.dtype != np.uint8:
        with np.errstate(invalid="ignore"):
            whole = arrays.astype(np.uint8)
        if np.array_equal(whole, arrays):
            if arrays.dtype.kind in "fb" and arrays.max(initial=0) == 1:
                problem = "from 0 to 1; training had bytes, as a rule from 0 to 255"
                raise MtrainError(
                    f"rows are {arrays.dtype} {problem}", where=where, remedy="write them as bytes"
                )
            arrays = whole
    if (arrays.dtype == np.uint8) != encoding.is_bytes:
        if encoding.is_bytes:
            rows = f"rows are {arrays.dtype}, not all whole numbers from 0 to 255"
            raise MtrainError(f"{rows}; training had bytes", where=where)
        raise MtrainError(f"rows are {arrays.dtype}; training had other numbers", where=where)
    flat = arrays.reshape(len(arrays), encoding.n_features)
    if not encoding.mean:
        return flat if encoding.is_bytes else flat.astype(np.float32, copy=False)
    features = np.empty(flat.shape, np.float32)
    mean, deviation = np.array(encoding.mean), np.array(encoding.deviation)
    # In float64, as columns are, but not all rows at once.
    for start in range(0, len(flat), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        features[part] = (flat[part] - mean) / deviation
    return features


def _learn_columns(table: Table, missing: str | None, *, standard: bool) -> Encoding:
    described = table.described
    numbers = [name for name, column in described.items() if column.kind == "number"]
    learned = {
        column.name: (column, mean, deviation)
        for group in some_at_once(numbers, len(table))
        for column, mean, deviation in _learn_numbers(table, group, missing)
    }
    columns, means, deviations = [], [], []
    for name, column in described.items():
        if name in learned:
            of_numbers, mean, deviation = learned[name]
            columns.append(of_numbers)
            means.append(mean)
            deviations.append(deviation)
        else:
            codes = table.columns[name].values
            seen = np.unique(codes[codes >= 0])
            categories = categories_of(column.categories[code] for code in seen)
            columns.append(Column(name, column.kind, categories=categories))
            means += [0.0] * len(categories)
            deviations += [1.0] * len(categories)
    if not standard:
        return Encoding(columns=tuple(columns))
    return Encoding(columns=tuple(columns), mean=tuple(means), deviation=tuple(deviations))


def _learn_numbers(
    table: Table, names: Sequence[str], missing: str | None
) -> Iterator[tuple[Column, float, float]]:
    """For each column of numbers its fill value, its mean and its deviation."""
    fills: dict[str, float | None] = dict.fromkeys(names)
    if missing is not None:
        for name in names:
            values = table.columns[name].values
            fills[name] = _fill(values[~np.isnan(values)], missing)
    filled = np.stack([table.columns[name].filled(fills[name]) for name in names])
    is_constant = (filled == filled[:, :1]).all(axis=1)
    means, deviations = filled.mean(axis=1), filled.std(axis=1)
    for k, name in enumerate(names):
        constant = float(filled[k, 0]) if is_constant[k] else None
        deviation = 1.0 if is_constant[k] else float(deviations[k]) or 1.0
        column = Column(name, "number", fills[name], constant=constant)
        yield column, float(means[k]), deviation


def _encode_columns(
    table: Table, encoding: Encoding, unknown: dict[str, int]
) -> NDArray[np.float32]:
    features = np.zeros((len(table), encoding.n_features), np.float32)
    known: dict[str, Ints] = {}
    at = 0
    for column in encoding.columns:
        if column.kind != "number":
            places = category_places(table.described[column.name].categories, column.categories, at)
            # One place more: of a missing category, whose code is -1.
            known[column.name] = np.array([*places, -1])
        at += column.width
    # Few rows at once, which stay near the processor: in a row's memory columns lie side by side.
    for start in range(0, len(table), ROWS_NEAR):
        rows = np.arange(start, min(start + ROWS_NEAR, len(table)))
        _encode_some(table[rows], encoding, known, features[rows[0] : rows[-1] + 1], unknown)
    return features


def _encode_some(
    table: Table,
    encoding: Encoding,
    known: Mapping[str, Ints],
    features: NDArray[np.float32],
    unknown: dict[str, int],
) -> None:
    """Write the rows into `features`, which are 0, and count the `unknown` categories."""
    at = 0
    for column in encoding.columns:
        values = table.columns[column.name]
        if column.kind == "number":
            filled = values.filled(column.fill)
            if encoding.mean:
                filled = (filled - encoding.mean[at]) / encoding.deviation[at]
            features[:, at] = filled
        else:
            inputs = known[column.name][values.values]
            rows = np.flatnonzero(inputs >= 0)
            features[rows, inputs[rows]] = 1
            if n := int(np.count_nonzero((inputs < 0) & (values.values >= 0))):
                unknown[column.name] = unknown.get(column.name, 0) + n
        at += column.width


def category_places(
    categories: Sequence[str], learned: Sequence[str], first: int = 0
) -> Iterator[int]:
    """The place of each of these categories, counted from `first`; -1: unknown category."""
    places = {category: first + place for place, category in enumerate(learned)}
    by_number: dict[str, int] = {}
    for category, place in places.items():
        number = as_category(category)
        by_number[number] = -1 if number in by_number else place  # which of two is not known
    for category in categories:
        known = places.get(category, places.get(with_zeros(category)))
        yield by_number.get(as_category(category), -1) if known is None else known


def _fill(present: NDArray[np.float64], missing: str) -> float:
    return float(FILLS[missing](present)) if len(present) else 0.0


def _deviation(features: NDArray[Any]) -> Any:
    """Standard deviation of each feature.

    1 for a constant feature, as in scikit-learn's StandardScaler: it becomes 0.
    """
    deviation = features.std(axis=0, dtype=np.float64)
    # The deviation of a constant 0.1 is not quite 0.
    constant = features.min(axis=0) == features.max(axis=0)
    return np.where(constant | (deviation == 0), 1.0, deviation)
