"""Tables: columns of numbers and of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mtrain.records import Ints


@dataclass(frozen=True, eq=False)
class Values:
    """A column's values."""

    kind: str
    """`number`, `boolean` or `text`."""

    values: NDArray[Any]
    """Numbers, float64, NaN where missing; or for each row the index of its category, int32, -1
    where missing; shape (N,)."""

    categories: tuple[str, ...] = ()
    """All there are, sorted."""

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where there is no value; shape (N,)."""
        return np.isnan(self.values) if self.kind == "number" else self.values < 0

    @property
    def counts_rows(self) -> bool:
        """Whether each number is that before it and one."""
        values = self.values
        return self.kind == "number" and len(values) > 2 and bool((np.diff(values) == 1).all())


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of the same number of rows."""

    columns: Mapping[str, Values]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).values)

    def __getitem__(self, rows: Ints) -> Table:
        """The rows at these positions, in that order."""
        return Table(
            {
                name: Values(column.kind, column.values[rows], column.categories)
                for name, column in self.columns.items()
            }
        )
