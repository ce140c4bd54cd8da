"""An evaluation read back from its folder, for what needs its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mtrain.records.arrays import Ints
from mtrain.records.report import Report


@dataclass(frozen=True, eq=False)
class SavedEvaluation:
    """The figures of an evaluation, and what was predicted of each row; arrays of shape (N,).

    Of shape (0,) if the predictions were not kept.
    """

    name: str
    """As the user named it."""

    folder: Path
    report: Report
    labels: Ints
    """True classes, as indices."""

    predicted: Ints
    rows: Ints
    """Where each row stands in what was read."""

    groups: Ints | None = None
    """The number of each row's group; None: rows have no groups."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(one.name for one in self.report.classes)

    @property
    def split(self) -> str:
        """`test`, `val` or `train`."""
        return self.report.split

    @property
    def selected(self) -> bool:
        """Whether the checkpoint or the threshold was chosen on these rows."""
        return self.report.selected
