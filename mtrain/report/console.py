"""Training as it is watched: live on a terminal, elsewhere one plain line an epoch."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

import numpy as np
from rich.console import Console

from mtrain.observer import Observer
from mtrain.report.live import LiveTable, opening_lines, shown_counts
from mtrain.report.text import SPLITS, duration, figure, inert, share

if TYPE_CHECKING:
    from mtrain.config.schema import Config
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.records import Dataset

WORST_NAMED = 3


def watch(stream: TextIO) -> PlainLines | LiveTable:
    """What shows a training on `stream`: a live table on a terminal that can, else plain lines."""
    capable = stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}
    if capable and not os.environ.get("CI"):
        return LiveTable(Console(file=stream, highlight=False))
    return PlainLines(stream)


class PlainLines(Observer):
    """Observes a training and writes a line an epoch, the worst classes named."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._classes: tuple[str, ...] = ()
        self._epochs = 0

    def begin(self, device: str, config: Config, dataset: Dataset, parameters: int) -> None:
        """Say where and what is trained."""
        self._classes = tuple(inert(name) for name in dataset.classes)
        self._epochs = config.training.epochs
        for line in opening_lines(device, config, dataset, parameters):
            self._write(line)

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """One line: the scalars one looks at first, and the classes of lowest recall."""
        counts = shown_counts(figures)
        parts = [f"epoch {figures.epoch:>{len(str(self._epochs))}}/{self._epochs}"]
        for split, counted in figures.counts.items():
            loss = figures.scalars["val_loss" if split == "val" else "loss"]
            right = share(counted.accuracy)
            parts.append(f"{SPLITS[split]}: loss {figure(loss)}, accuracy {right}")
        worst = np.argsort(counts.recall, kind="stable")[:WORST_NAMED]  # NaN, absent, comes last
        named = [f"{self._classes[k]} {share(counts.recall[k])}" for k in worst]
        parts.append(f"lowest recall: {', '.join(named)}")
        never = np.flatnonzero((counts.predicted == 0) & (counts.support > 0))
        if len(never):
            some = [self._classes[k] for k in never[:WORST_NAMED]]
            more = f" and {len(never) - len(some)} more" if len(never) > len(some) else ""
            parts.append(f"never predicted: {', '.join(some)}{more}")
        parts.append(duration(seconds))
        self._write("; ".join(parts))

    def end(self, why: str | None) -> None:
        """Say why training ended before its last epoch."""
        if why is not None:
            self._write(f"Training ended: {why}.")

    def _write(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
