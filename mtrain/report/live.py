"""Training as it is watched on a terminal: a bar, and below it every class."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mtrain.metrics.counts import class_counts
from mtrain.observer import Observer
from mtrain.report.plain import opening_lines, shown_counts
from mtrain.report.text import duration, figure, share
from mtrain.text import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from mtrain.config.schema import Config
    from mtrain.metrics.counts import ClassCounts
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.records import Dataset, Progress

REFRESH_SECONDS = 0.1

OTHER_LINES = 5
"""Of the display that are no class: bar, training, validation, header, and one left free."""


PREPARING = "loading TensorFlow ..."

WIDTH_OF_EVERYTHING = 60
"""Below this many columns support and change are left out."""


class LiveTable(Observer):
    """Observes a training and draws its present state over and over in the same place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._drawn_at = 0.0
        self._timed_from: tuple[float, int] | None = None
        self._classes: tuple[str, ...] = ()
        self._epochs = 0
        self._rows_an_epoch = 0
        self._validates = False
        self._progress: Progress | None = None
        self._last: EpochFigures | None = None
        self._counts: ClassCounts | None = None
        self._compared_with: ClassCounts | None = None

    def note(self, text: str) -> None:
        """A line above the display."""
        self._console.print(Text(inert(text)))

    def prepare(self) -> None:
        """Say what takes so long, in a line that goes away."""
        self._console.print(Text(PREPARING, style="dim"), end="\r")

    def begin(self, device: str, config: Config, dataset: Dataset, parameters: int) -> None:
        """Say where and what is trained, and start the display."""
        self._console.print(" " * len(PREPARING), end="\r")
        for line in opening_lines(device, config, dataset, parameters):
            self._console.print(Text(line))
        self._classes = tuple(inert(name) for name in dataset.classes)
        self._epochs = config.training.epochs
        self._rows_an_epoch = len(dataset.train)
        self._validates = dataset.val is not None
        self._live.start()
        self._draw()

    def progress(self, progress: Progress) -> None:
        """Move the bar; without validation the table moves with it."""
        self._progress = progress
        if self._timed_from is None:
            # From the end of the first chunk on: before it the loop was compiled.
            self._timed_from = time.monotonic(), self._rows_seen()
        if not self._validates:
            self._counts = class_counts(progress.tally.confusion)
        if time.monotonic() - self._drawn_at >= REFRESH_SECONDS:
            self._draw()

    def epoch(self, figures: EpochFigures, seconds: float) -> None:  # noqa: ARG002 -- Observer's
        """Show the figures of every class, and what changed since the epoch before."""
        before, self._last = self._last, figures
        self._counts = shown_counts(figures)
        self._compared_with = None if before is None else shown_counts(before)
        self._draw()
        if not self._validates:
            self._compared_with = self._counts

    def end(self, why: str | None) -> None:
        """Leave the last state on the screen."""
        if not self._live.is_started:
            self._console.print(" " * len(PREPARING), end="\r")
            return
        self._draw()
        self._live.stop()
        if why is not None:
            self._console.print(Text(f"Training ended: {why}."))

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        self._live.update(self.picture(), refresh=True)

    def picture(self) -> Group:
        """What is to be seen now."""
        return Group(self._bar(), self._training(), *self._by_class())

    def _bar(self) -> Table:
        epoch = self._progress.epoch if self._progress else 1
        total = self._rows_an_epoch * self._epochs
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column()
        line.add_column(ratio=1)
        line.add_column(justify="right")
        line.add_row(
            Text(f"epoch {epoch}/{self._epochs}", style="bold"),
            ProgressBar(total=total, completed=self._rows_seen()),
            Text(self._pace(total)),
        )
        return line

    def _training(self) -> Text:
        if self._progress is None:
            return Text("compiling the training loop", style="dim")
        tally = self._progress.tally
        right = share(class_counts(tally.confusion).accuracy)
        return Text(f"training: loss {figure(tally.loss)}, accuracy {right}", no_wrap=True)

    def _by_class(self) -> Iterator[Text | Table]:
        words = "validation" if self._validates else "training"
        if self._validates and self._last is not None:
            loss = figure(self._last.scalars["val_loss"])
            right = share(self._last.counts["val"].accuracy)
            words = f"{words}: loss {loss}, accuracy {right}, after epoch {self._last.epoch}"
        yield Text(words, no_wrap=True)
        shown = self._shown_classes()
        table = Table(box=None)
        table.add_column("class", no_wrap=True, overflow="ellipsis", max_width=34)
        headings: tuple[str, ...] = ("precision", "recall", "F1", "support", "F1 change")
        if self._console.width < WIDTH_OF_EVERYTHING:
            headings = headings[:3]
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
        for k in shown:
            table.add_row(Text(self._classes[k]), *self._cells(k)[: len(headings)])
        yield table
        if (hidden := len(self._classes) - len(shown)) > 0:
            yield Text(f" and {hidden} classes of higher recall", style="dim")

    def _cells(self, k: int) -> list[Text]:
        if self._counts is None:
            return [Text(share(None))] * 5
        counts, before = self._counts, self._compared_with
        change = math.nan if before is None else counts.f1[k] - before.f1[k]
        # Present and not once predicted right: what one accuracy would hide.
        style = "red" if counts.recall[k] == 0 else ""
        return [
            Text(share(counts.precision[k]), style=style),
            Text(share(counts.recall[k]), style=style),
            Text(share(counts.f1[k]), style=style),
            Text(f"{counts.support[k]:,}"),
            Text(share(None) if math.isnan(change) else f"{change:+.3f}"),
        ]

    def _shown_classes(self) -> list[int]:
        """Every class, or of more than fit those of lowest recall, in class order."""
        room = max(1, self._console.height - OTHER_LINES)
        everything = list(range(len(self._classes)))
        if len(everything) <= room:
            return everything
        room = max(1, room - 1)  # a line says how many are hidden
        if self._counts is None:
            return everything[:room]
        return sorted(np.argsort(self._counts.recall, kind="stable")[:room].tolist())

    def _rows_seen(self) -> int:
        if self._progress is None:
            return 0
        return (self._progress.epoch - 1) * self._rows_an_epoch + self._progress.rows

    def _pace(self, total: int) -> str:
        """Samples a second and time left, validation and saving included."""
        if self._timed_from is None:
            return ""
        since, from_row = self._timed_from
        if (rows := self._rows_seen() - from_row) == 0:
            return ""
        speed = rows / (time.monotonic() - since)
        left = duration((total - self._rows_seen()) / speed)
        return f"{speed:,.0f} samples/s, {left} left"
