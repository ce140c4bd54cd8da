"""Tables: columns of numbers and of categories."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.dataset import Kind


BOOLEANS = {"true", "false"}

VALUES_AT_ONCE = 1 << 20
COLUMNS_AT_ONCE = 500

LARGEST_EXACT = 2.0**53
"""From here on, not every whole number is a float64."""

NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"


@dataclass(frozen=True, eq=False)
class Values:
    """A column's values."""

    kind: Kind

    values: NDArray[Any]
    """Numbers, float64, NaN if missing; or the index of each row's category, int32, -1 if missing;
    shape (N,)."""

    categories: tuple[str, ...] = ()
    """All categories, sorted."""

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each value is missing; shape (N,)."""
        return np.isnan(self.values) if self.kind == "number" else self.values < 0

    def filled(self, fill: float | None) -> Floats:
        """The numbers, with `fill` for missing ones; None: none is missing."""
        return self.values if fill is None else np.nan_to_num(self.values, nan=fill)

    def without_unused(self) -> Values:
        """The same values, without categories that no row has."""
        if not self.categories:
            return self
        used = np.zeros(len(self.categories) + 1, np.bool_)
        used[self.values] = True
        used[-1] = False  # where -1, a missing value, led
        if used[:-1].all():
            return self
        places = np.where(used, np.cumsum(used) - 1, -1).astype(np.int32)
        kept = (name for name, is_used in zip(self.categories, used, strict=False) if is_used)
        return Values(self.kind, places[self.values], tuple(kept))


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of the same number of rows."""

    columns: Mapping[str, Values]

    def __len__(self) -> int:
        if isinstance(self.columns, _Taken):
            return len(self.columns.rows)
        return len(next(iter(self.columns.values())).values)

    def __getitem__(self, rows: Ints) -> Table:
        """The rows at these positions, in that order."""
        return Table(_Taken(self.columns, rows))

    @property
    def described(self) -> Mapping[str, Values]:
        """The kind and the categories of each column; the values may be those of other rows."""
        return self.columns.columns if isinstance(self.columns, _Taken) else self.columns


class _Taken(Mapping[str, Values]):
    """Some rows of columns, each taken when it is asked for: new memory takes longer than the work."""

    def __init__(self, columns: Mapping[str, Values], rows: Ints) -> None:
        self.columns: Mapping[str, Values] = columns
        self.rows = rows
        if isinstance(columns, _Taken):
            self.columns, self.rows = columns.columns, columns.rows.take(rows)

    def __getitem__(self, name: str) -> Values:
        column = self.columns[name]
        # Several times as fast as indexing.
        return Values(column.kind, column.values.take(self.rows), column.categories)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def some_at_once(columns: Sequence[str], rows: int) -> Iterator[Sequence[str]]:
    """The names of columns, in groups of a million values in so many rows, or of 500.

    Work on a group costs little beyond the values; a call for each of very many columns costs far
    more.
    """
    n = min(max(1, VALUES_AT_ONCE // max(1, rows)), COLUMNS_AT_ONCE)
    for start in range(0, len(columns), n):
        yield columns[start : start + n]


def as_value(text: str) -> str | None:
    """A number, or true or false, in one way of writing: `1.0`, `01` and `1e0` are all `1`.

    None for other text.
    """
    if text.lower() in BOOLEANS:
        return text.lower()
    if not (re.match(NUMBER, text) and math.isfinite(float(text))):
        return None
    number = Decimal(text)
    return str(int(number)) if number == number.to_integral_value() else f"{number.normalize()}"


def categories_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The categories of different texts, sorted: numbers in one notation.

    If a number occurs with and without trailing zeros, as `1.1` and `1.10` among versions, both are
    categories.
    """
    by_number: dict[str, set[str]] = {}
    for text in texts:
        by_number.setdefault(as_category(text), set()).add(with_zeros(text))
    categories = set()
    for number, written in by_number.items():
        categories |= {number} if len(written) == 1 else written
    return tuple(sorted(categories))


def with_zeros(text: str) -> str:
    """A category, or a number with trailing zeros that no program adds: `1.10`, `250.00`."""
    is_chosen = re.fullmatch(r"-?[0-9]+\.([0-9]*[1-9]0+|0{2,})", text) is not None
    return text if is_chosen else as_category(text)


def as_category(text: str) -> str:
    """A category in the form in which it is compared: numbers in one notation, `1.0` as `1`.

    A number with an extra leading 0, such as a postal code, is text.
    """
    if re.match(r"[-+]?0[0-9]", text):
        return text
    value = as_value(text)
    return text if value is None or value in BOOLEANS else value


def comparable(column: Values) -> NDArray[np.int64]:
    """Equal numbers for equal values, of any table."""
    if column.kind == "number":
        # Adding 0 turns -0 into 0, which it equals.
        numbers: NDArray[np.int64] = (column.values + 0.0).view(np.int64)
        return numbers
    texts = [int.from_bytes(digest(text.encode())[:7]) for text in column.categories]
    codes: NDArray[np.int64] = np.array([*texts, -1], np.int64)[column.values]
    return codes


def digest(values: Any) -> bytes:
    """A hash of 128 bits of bytes or an array."""
    return hashlib.blake2b(values, digest_size=16).digest()
