"""Tables in Markdown, from rows of plain data."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """How rows are shown."""

    columns: dict[str, str]
    """The format of a cell by the heading of its column, as in `{"epoch": "{seconds:.3f} s"}`."""

    @property
    def keys(self) -> set[str]:
        """What each row must have."""
        fields = (Formatter().parse(form) for form in self.columns.values())
        return {name for parts in fields for _, name, _, _ in parts if name}

    @property
    def head(self) -> str:
        """The headings and the line below them."""
        return f"| {' | '.join(self.columns)} |\n" + "|---" * len(self.columns) + "|"

    def line(self, row: Row) -> str:
        """One row."""
        return f"| {' | '.join(form.format(**row) for form in self.columns.values())} |"

    def text(self, rows: Iterable[Row]) -> str:
        """The whole table."""
        return "\n".join([self.head, *map(self.line, rows)])
