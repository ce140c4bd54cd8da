"""From columns of a table to inputs of a model, by what was learned from the training split."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.data.scaling import SCALES, clipped, knots_of, standard
from mtrain.data.table import as_category, categories_of, some_at_once, with_zeros
from mtrain.records.dataset import Column, Encoding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mtrain.config.experiment.table import MissingConfig
    from mtrain.data.table import Table, Values
    from mtrain.records.arrays import Ints

ROWS_NEAR = 1 << 12
"""Rows of columns that are encoded at once."""

FILLS: dict[str, Callable[[NDArray[np.float64]], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "zero": lambda _: 0.0,
}
"""What replaces a missing number, computed from the column's numbers."""


def learn_columns(
    table: Table, missing: MissingConfig | None, *, scale: str, rare: int
) -> Encoding:
    """The encoding of these training rows; the parameters are those of `learn_encoding`."""
    described = table.described
    numbers = [name for name, column in described.items() if column.kind == "number"]
    learned = {
        column.name: (column, mean, deviation)
        for group in some_at_once(numbers, len(table))
        for column, mean, deviation in _learn_numbers(table, group, missing, scale)
    }
    columns: list[Column] = []
    means: list[float] = []
    deviations: list[float] = []
    for name in described:
        if name in learned:
            column, mean, deviation = learned[name]
            means.append(mean)
            deviations.append(deviation)
        else:
            column = _learn_categories(name, table.columns[name], missing, rare)
        columns.append(column)
        # Inputs that are 0 or 1 stay as they are.
        n_others = column.width - (name in learned)
        means += [0.0] * n_others
        deviations += [1.0] * n_others
    if scale not in SCALES:
        return Encoding(columns=tuple(columns))
    return Encoding(
        columns=tuple(columns),
        mean=tuple(means),
        deviation=tuple(deviations),
        is_robust=scale == "robust",
    )


def _learn_categories(
    name: str, values: Values, missing: MissingConfig | None, rare: int
) -> Column:
    rows = np.bincount(values.values[values.values >= 0], minlength=len(values.categories))
    written = [text for text, n in zip(values.categories, rows, strict=True) if n]
    categories = categories_of(written)
    few: set[str] = set()
    if rare:
        # A category may be written in several ways.
        places = np.fromiter(category_places(written, categories), np.int64)
        counts = np.bincount(places, rows[rows > 0], minlength=len(categories))
        few = {one for one, n in zip(categories, counts, strict=True) if n < rare}
    return Column(
        name,
        values.kind,
        categories=tuple(one for one in categories if one not in few),
        rare=tuple(one for one in categories if one in few),
        is_flagged=_is_flagged(values, missing),
    )


def _learn_numbers(
    table: Table, names: Sequence[str], missing: MissingConfig | None, scale: str
) -> Iterator[tuple[Column, float, float]]:
    """Each column of numbers, what is subtracted from it, and what divides it, if it is scaled."""
    fills: dict[str, float | None] = dict.fromkeys(names)
    if missing is not None:
        for name in names:
            values = table.columns[name].values
            fills[name] = _fill(values[~np.isnan(values)], missing.fill)
    filled = np.stack([table.columns[name].filled(fills[name]) for name in names])
    is_constant = (filled == filled[:, :1]).all(axis=1)
    means, deviations = SCALES.get(scale, standard)(filled)
    for k, name in enumerate(names):
        constant = float(filled[k, 0]) if is_constant[k] else None
        deviation = 1.0 if is_constant[k] else float(deviations[k]) or 1.0
        is_flagged = _is_flagged(table.columns[name], missing)
        column = Column(name, "number", fills[name], constant=constant, is_flagged=is_flagged)
        if scale == "quantile":
            knots, levels = knots_of(filled[k])
            column = replace(column, knots=tuple(knots.tolist()), levels=tuple(levels.tolist()))
        yield column, float(means[k]), deviation


def _is_flagged(values: Values, missing: MissingConfig | None) -> bool:
    return missing is not None and missing.flag and bool(values.missing.any())


def encode_columns(
    table: Table, encoding: Encoding, unknown: dict[str, int]
) -> NDArray[np.float32]:
    """The inputs, (N, `encoding.n_features`); adds the rows of `unknown` categories by column."""
    features = np.zeros((len(table), encoding.n_features), np.float32)
    known: dict[str, Ints] = {}
    at = 0
    for column in encoding.columns:
        if column.kind != "number":
            places = places_in(column, table.described[column.name].categories, at)
            # One place more: of a missing category, whose code is -1.
            of_missing = at + column.width - 1 if column.is_flagged else -1
            known[column.name] = np.array([*places, of_missing])
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
            if encoding.is_robust:
                filled = clipped(filled)
            if column.knots:
                filled = np.interp(filled, column.knots, column.levels)
            features[:, at] = filled
            if column.is_flagged:
                features[:, at + 1] = values.missing
        else:
            inputs = known[column.name][values.values]
            rows = np.flatnonzero(inputs >= 0)
            features[rows, inputs[rows]] = 1
            if n := int(np.count_nonzero((inputs < 0) & (values.values >= 0))):
                unknown[column.name] = unknown.get(column.name, 0) + n
        at += column.width


def places_in(column: Column, categories: Sequence[str], first: int = 0) -> Iterator[int]:
    """The place of the input of each of these categories, counted from `first`; -1: unknown category."""
    for place in category_places(categories, column.categories + column.rare):
        yield place if place < 0 else first + min(place, len(column.categories))


def category_places(categories: Sequence[str], learned: Sequence[str]) -> Iterator[int]:
    """The place of each of these categories among the learned ones; -1: unknown category."""
    places = {category: place for place, category in enumerate(learned)}
    by_number: dict[str, int] = {}
    for category, place in places.items():
        number = as_category(category)
        by_number[number] = -1 if number in by_number else place  # which of two is not known
    for category in categories:
        known = places.get(category, places.get(with_zeros(category)))
        yield by_number.get(as_category(category), -1) if known is None else known


def _fill(present: NDArray[np.float64], missing: str) -> float:
    return float(FILLS[missing](present)) if len(present) else 0.0
