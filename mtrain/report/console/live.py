"""A training on a terminal: a bar, and below it every class."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mtrain.metrics.counts import class_counts
from mtrain.metrics.lowest import lowest
from mtrain.observer import Observer
from mtrain.report.class_names import class_labels, leave_room
from mtrain.report.console.output import inert_text
from mtrain.report.console.pace import Pace
from mtrain.report.console.plain import opening_lines, shown_counts
from mtrain.report.text import change, figure, share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from mtrain.metrics.counts import ClassCounts
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.observer import TrainingFacts
    from mtrain.records.training import Progress

REFRESH_SECONDS = 0.1

OTHER_LINES = 5
"""Lines of the display without a class: bar, training, validation, header, and a free one."""

HEADINGS = ("precision", "recall", "F1", "support", "F1 change")
"""Headings of a class's numbers; in a narrow terminal the last ones are left out."""


class LiveTable(Observer):
    """Observes a training and redraws its current state in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._drawn_at = 0.0
        self._stage = ""
        self._pace = Pace(0, 0)
        self._classes: tuple[str, ...] = ()
        self._epochs = 0
        self._validates = False
        self._progress: Progress | None = None
        self._last: EpochFigures | None = None
        self._counts: ClassCounts | None = None
        self._compared_with: ClassCounts | None = None

    def note(self, text: str) -> None:
        """A line above the display."""
        stage, self._stage = self._stage, ""
        self._console.print(inert_text(text.ljust(len(stage))))
        self.stage(stage.removesuffix(" ..."))

    def stage(self, task: str) -> None:
        """Show the current task in a line that disappears."""
        if self._console.is_jupyter:  # where lines do not disappear
            return
        if self._stage:
            self._console.print(" " * len(self._stage), end="\r")
        self._stage = f"{task} ..."[: self._console.width - 1] if task else ""
        if self._stage:
            self._console.print(inert_text(self._stage, "dim"), end="\r")

    def begin(self, facts: TrainingFacts) -> None:
        """Print the device, data and model, and start the display.

        For a resumed run it shows the last epoch, compared with the one before.
        """
        self.stage("")
        for line in opening_lines(facts):
            self._console.print(inert_text(line))
        for index in range(len(facts.history.epoch))[-2:]:
            self._take(facts.history.figures(index))
        training = facts.config.training
        self._classes = facts.classes
        self._epochs = training.epochs
        self._validates = "val" in facts.rows
        self._pace = Pace(training.rows_an_epoch(facts.rows["train"]), self._epochs, self._done)
        self._live.start()
        self._draw()

    def progress(self, progress: Progress) -> None:
        """Update the bar, and the table while it shows training figures."""
        self._progress = progress
        self._pace.progress(progress)
        if not self._shows_validation:
            self._counts = class_counts(progress.tally.confusion)
            self._compared_with = None if self._last is None else shown_counts(self._last)
        if time.monotonic() - self._drawn_at >= REFRESH_SECONDS:
            self._draw()

    def epoch(self, figures: EpochFigures, seconds: float) -> None:  # noqa: ARG002 -- Observer's
        """Show the figures of every class, and what changed since the epoch before."""
        self._pace.epoch(figures.epoch)
        self._take(figures)
        self._draw()

    def _take(self, figures: EpochFigures) -> None:
        before, self._last = self._last, figures
        self._counts = shown_counts(figures)
        self._compared_with = None if before is None else shown_counts(before)

    def trained(self, why: str | None) -> None:
        """Leave the last state on the screen."""
        if not self._live.is_started:
            self.stage("")
            return
        self._draw()
        self._live.stop()
        if why is not None:
            self._console.print(inert_text(f"Training ended: {why}."))

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        self._live.update(self.picture(), refresh=True)

    def picture(self) -> Group:
        """The current display."""
        return Group(self._bar(), self._training(), *self._by_class())

    def _bar(self) -> Table:
        epoch = self._progress.epoch if self._progress else min(self._done + 1, self._epochs)
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column()
        line.add_column(ratio=1)
        line.add_column(justify="right")
        line.add_row(
            Text(f"epoch {epoch}/{self._epochs}", style="bold"),
            ProgressBar(total=self._pace.total, completed=self._pace.rows_seen),
            Text(str(self._pace)),
        )
        return line

    def _training(self) -> Text:
        if self._progress is None:
            return Text("compiling the training loop", style="dim")
        tally = self._progress.tally
        right = share(class_counts(tally.confusion).accuracy)
        return self._line(f"training: loss {figure(tally.loss)}", f"accuracy {right}")

    def _line(self, *parts: str) -> Text:
        """As many of the parts as fit into a line: a cut number is a wrong number."""
        while len(parts) > 1 and len(", ".join(parts)) > self._console.width:
            parts = parts[:-1]
        return Text(", ".join(parts), no_wrap=True)

    def _by_class(self) -> Iterator[Text | Table]:
        yield self._heading()
        indices = self._shown_classes()
        rows = [self._cells(k) for k in indices]
        cells = {heading: [row[i] for row in rows] for i, heading in enumerate(HEADINGS)}
        # One column of the terminal is left at each edge.
        columns, room = leave_room(cells, self._console.width - 2)
        table = Table(box=None)
        table.add_column("class", no_wrap=True)
        for heading in columns:
            table.add_column(heading, justify="right", no_wrap=True)
        names = class_labels([self._classes[k] for k in indices], room, indices)
        for name, *numbers in zip(names, *columns.values(), strict=True):
            table.add_row(Text(name), *numbers)
        yield table
        if (hidden := len(self._classes) - len(indices)) > 0:
            known = self._counts is not None and self._counts.support.all()
            which = "classes of higher recall" if known else "other classes"
            yield Text(f" and {hidden} {which}", style="dim")

    def _heading(self) -> Text:
        """The split of the table."""
        if not self._validates:
            return Text("training")
        if self._last is None:
            return self._line("training", "until validation has figures")
        loss = figure(self._last.scalars["val_loss"])
        right = share(self._last.counts["val"].accuracy)
        return self._line(
            f"validation: loss {loss}", f"accuracy {right}", f"after epoch {self._last.epoch}"
        )

    @property
    def _done(self) -> int:
        """Epochs."""
        return 0 if self._last is None else self._last.epoch

    @property
    def _shows_validation(self) -> bool:
        return self._validates and self._last is not None

    def _cells(self, k: int) -> list[Text]:
        if self._counts is None:
            return [Text(share(None))] * 5
        counts, before = self._counts, self._compared_with
        gained = math.nan if before is None else counts.f1[k] - before.f1[k]
        # Present and never predicted correctly: one accuracy would hide this.
        style = "red" if counts.recall[k] == 0 else ""
        return [
            Text(share(counts.precision[k]), style=style),
            Text(share(counts.recall[k]), style=style),
            Text(share(counts.f1[k]), style=style),
            Text(f"{counts.support[k]:,}"),
            Text(change(gained)),
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
        return lowest(self._counts.recall, room)
