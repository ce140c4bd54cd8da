"""Columns that tell rows of one split from those of another: the splits were gathered differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.data.ids import why_id
from mtrain.data.table import Table
from mtrain.records.dataset import SPLITS, Note
from mtrain.statistics.multiple import holm

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mtrain.data.source import Rows
    from mtrain.data.table import Values
    from mtrain.records.arrays import Floats, Ints

TELLING = 0.65
"""Share of the pairs of a row of each split in which the right one has to be picked."""

LEVEL = 0.001
"""Largest p-value, adjusted for all columns: with thousands of rows, chance is rarely the question."""

FEWEST_ROWS = 40
MOST_ROWS = 20_000
"""Rows of each split that are examined, drawn from all."""

BINS = 30


def telling_split_notes(splits: Mapping[str, Rows], index: tuple[str, ...]) -> Iterator[Note]:
    """A note for each column, but for ids, that tells rows of another split from training rows.

    `splits` are those in the data: rows of splits that were drawn are alike. `index` names columns that
    are the index of a pandas table.
    """
    train = splits["train"].features
    if not isinstance(train, Table):
        return
    for name in ("val", "test"):
        other = splits[name].features if name in splits else None
        if isinstance(other, Table) and min(len(train), len(other)) >= FEWEST_ROWS:
            yield from _notes(train, other, name, index)


def _notes(train: Table, other: Table, split: str, index: tuple[str, ...]) -> Iterator[Note]:
    generator = np.random.default_rng(0)
    rows = [generator.permutation(len(table))[:MOST_ROWS] for table in (train, other)]
    names = [
        name
        for name, column in train.columns.items()
        if (why := why_id(name, column, index)) is None or not why[1]
    ]
    told = [_told(train.columns[name], other.columns[name], *rows) for name in names]
    adjusted = holm(np.array([p for _, p in told])) if told else np.zeros(0)
    for name, (share, _), p in zip(names, told, adjusted, strict=True):
        if share >= TELLING and p <= LEVEL:
            size = f"p = {p:.1g}" if p >= 1e-9 else "p < 1e-9"
            text = (
                f"column {name!r} tells {SPLITS[split]} rows from training rows: of {share:.0%} of pairs "
                f"it says which is which ({size}); were the splits gathered differently?"
            )
            yield Note("telling-split", text)


def _told(train: Values, other: Values, rows: Ints, other_rows: Ints) -> tuple[float, float]:
    """In how many pairs a classifier picks the row of the other split, and the p-value of chance.

    Of each value, or range of numbers, it learns from every second row how often it is in the other
    split; the share and the one-sided p-value, of Mann and Whitney's test, are of the other rows.
    """
    codes, other_codes = _codes(train, other)
    codes, other_codes = codes[rows], other_codes[other_rows]
    n_codes = int(max(codes.max(), other_codes.max())) + 1
    seen, seen_other = (
        np.bincount(each[::2], minlength=n_codes).astype(np.float64)
        for each in (codes, other_codes)
    )
    # As if there were a row more of each value, shared out as the splits are.
    share = seen_other.sum() / (seen.sum() + seen_other.sum())
    score = (seen_other + share) / (seen + seen_other + 1)
    return _pairs(score[codes[1::2]], score[other_codes[1::2]])


def _codes(train: Values, other: Values) -> tuple[Ints, Ints]:
    """The values as numbers from 0: of categories, or ranges of numbers with equally many rows."""
    if train.kind == "number":
        both = np.concatenate([train.values, other.values])
        known = both[~np.isnan(both)]
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else known
        first, second = (
            np.where(np.isnan(each), 0, 1 + np.searchsorted(edges, each, side="right"))
            for each in (train.values, other.values)
        )
        return first, second
    names = dict.fromkeys((*train.categories, *other.categories))
    places = {name: place for place, name in enumerate(names, 1)}
    first, second = (
        np.array([*(places[name] for name in each.categories), 0])[each.values]
        for each in (train, other)
    )
    return first, second


def _pairs(scores: Floats, others: Floats) -> tuple[float, float]:
    """The share of pairs in which the other's score is higher, ties by half, and its p-value."""
    from scipy.special import ndtr

    n, m = len(scores), len(others)
    values, places, counts = np.unique(
        np.concatenate([scores, others]), return_inverse=True, return_counts=True
    )
    ranks = counts.cumsum() - (counts - 1) / 2
    share = (ranks[places[n:]].sum() - m * (m + 1) / 2) / (n * m)
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    variance = (n + m + 1 - ties / ((n + m) * (n + m - 1))) / (12 * n * m)
    if variance <= 0 or len(values) == 1:
        return 0.5, 1.0
    return float(share), float(ndtr(-(share - 0.5) / np.sqrt(variance)))
