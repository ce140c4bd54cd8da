"""What compare.py measured: figures, medians and ratios."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from benchmarks.compare import EPOCHS, PEERS
from benchmarks.processes import MTRAIN
from benchmarks.workloads import WORKLOADS


@dataclass(frozen=True)
class Ratio:
    """A peer's seconds by mtrain's, one a round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """Over the rounds."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """The median, and all of them from the lowest to the highest."""
        return f"{self.median:.2f} ({min(self.values):.2f} to {max(self.values):.2f})"


class Comparison:
    """The content of compare.json."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.workloads = [name for name in WORKLOADS if self._cells(name, MTRAIN, EPOCHS)]
        self.rounds = min(len(self._cells(name, MTRAIN, EPOCHS)) for name in self.workloads)

    def figures(self, key: str, workload: str, peer: str, epochs: int = EPOCHS) -> list[float]:
        """One figure of each process: a key of `Cell.measure`, or of its epochs one.

        `first`; of those after it `later`, their median, and `fastest`.
        """
        return [_figure(cell, key) for cell in self._cells(workload, peer, epochs)]

    def median(self, key: str, workload: str, peer: str, epochs: int = EPOCHS) -> float | None:
        """Over the processes; None where there are none."""
        values = self.figures(key, workload, peer, epochs)
        return statistics.median(values) if values else None

    def ratio(self, workload: str, peer: str) -> Ratio:
        """How many times as long as mtrain the peer takes, round by round."""
        theirs, ours = (
            {cell["round"]: _figure(cell, "later") for cell in self._cells(workload, p, EPOCHS)}
            for p in (peer, MTRAIN)
        )
        return Ratio(tuple(theirs[number] / ours[number] for number in theirs if number in ours))

    def ratio_of_fastest(self, workload: str, peer: str) -> float:
        """The same of the fastest epoch of each, which other work on the machine slowed least."""
        theirs, ours = (min(self.figures("fastest", workload, p)) for p in (peer, MTRAIN))
        return theirs / ours

    def fastest(self, workload: str) -> str:
        """The peer with the fastest epoch at this workload."""
        found = {peer: self.figures("fastest", workload, peer) for peer in PEERS if peer != MTRAIN}
        return min((min(seconds), peer) for peer, seconds in found.items() if seconds)[1]

    def _cells(self, workload: str, peer: str, epochs: int) -> list[dict[str, Any]]:
        wanted = (workload, peer, epochs)
        cells = self.data["rows"]
        return [c for c in cells if (c["workload"], c["peer"], c["epochs"]) == wanted]


def _figure(cell: dict[str, Any], key: str) -> float:
    if key == "first":
        return float(cell["seconds"][0])
    if key == "later":
        return float(statistics.median(cell["seconds"][1:]))
    if key == "fastest":
        return float(min(cell["seconds"][1:]))
    return float(cell[key])
