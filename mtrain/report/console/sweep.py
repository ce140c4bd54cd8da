"""A sweep on the console: a line a member while it trains, then the settings, the best first."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mtrain.escape import inert
from mtrain.observer import SweepObserver
from mtrain.report.class_names import leave_room, left_out
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.console.terminal import Unbroken, draws
from mtrain.report.sweep_remarks import ensemble_columns, findings, setting_columns, setting_text
from mtrain.report.text import duration, figure, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mtrain.records.sweep import MemberResult, SweepResult

REFRESH_SECONDS = 0.2

ROOM_FOR_SETTING = 16
"""Letters of a setting that are worth more than a column of numbers, beyond those of any name."""

MOST_SETTINGS = 30
"""The most settings that are printed; of more, the best."""

MOST_ENSEMBLES = 5
"""The most settings whose ensembles are printed; of more, the best."""

OTHER_LINES = 4
"""Lines of the display without a member: bar, header, what is hidden, and a free one."""


def watch_sweep(stream: TextIO) -> SweepObserver:
    """The observer that shows a sweep on `stream`: a live table if possible, else plain lines."""
    lasting = cast("TextIO", Unbroken(stream))
    if draws(stream):
        return LiveMembers(Console(file=lasting, highlight=False))
    return PlainMembers(lasting)


def watch_sweep_from_python(progress: bool | None) -> SweepObserver | None:
    """The observer of a sweep in a Python program, on stderr; None: it is not shown.

    `progress` says whether it is shown; None: only on a terminal.
    """
    if progress is False or sys.stderr is None:
        return None
    return watch_sweep(sys.stderr) if progress or sys.stderr.isatty() else None


def _about(text: str, member: str | None) -> str:
    return text if member is None else f"{member}: {text}"


class PlainMembers(SweepObserver):
    """Writes a line for each member that ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ended = self._all = 0
        self._by = ""

    def note(self, text: str, member: str | None = None) -> None:
        """A line."""
        self._write(_about(text, member))

    def begin(self, sweep: SweepResult, epochs: Mapping[str, int]) -> None:
        """Say what is done already."""
        self._by, self._all = sweep.by or "", len(epochs)
        if finished := sum(member.state == "finished" for member in sweep.members):
            self._ended = finished
            self._write(f"{finished:,} of {self._all:,} members are finished already.")

    def ended(self, result: MemberResult) -> None:
        """A line: the member, how it ended, and its figures."""
        if result.state == "stopped":
            return  # the end says how many, and halving why
        self._ended += 1
        self._write(f"{self._ended}/{self._all} {result.member}: {outcome_line(result, self._by)}")

    def _write(self, line: str) -> None:
        print(inert(line), file=self._stream, flush=True)


class LiveMembers(SweepObserver):
    """Redraws a table of members in place, the best first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._drawn_at = 0.0
        self._began_at = time.monotonic()
        self._sweep: SweepResult | None = None
        self._epochs: Mapping[str, int] = {}
        self._done: dict[str, int] = {}
        self._values: dict[str, float | None] = {}
        self._states: dict[str, str] = {}

    def note(self, text: str, member: str | None = None) -> None:
        """A line above the display."""
        self._console.print(inert_text(_about(text, member)))

    def stage(self, task: str) -> None:
        """Show the current task in a line that disappears."""
        if not self._live.is_started:
            text = f"{task} ..." if task else ""
            self._console.print(inert_text(text.ljust(self._console.width - 1), "dim"), end="\r")

    def begin(self, sweep: SweepResult, epochs: Mapping[str, int]) -> None:
        """Start the display."""
        self._sweep, self._epochs = sweep, epochs
        self._states = dict.fromkeys(epochs, "waiting")
        for member in sweep.members:
            self._take(member)
        self._began_at = time.monotonic()
        self._live.start()
        self._draw()

    def began(self, member: str) -> None:
        """Its line is marked."""
        self._states[member] = "training"
        self._draw()

    def epoch(self, member: str, epoch: int, value: float | None) -> None:
        """Its line has the new value."""
        self._done[member], self._values[member] = epoch, value
        if time.monotonic() - self._drawn_at >= REFRESH_SECONDS:
            self._draw()

    def ended(self, result: MemberResult) -> None:
        """Its line says how."""
        self._take(result)
        self._draw()

    def end(self) -> None:
        """Remove the display: the results take its place."""
        if self._live.is_started:
            self._live.update(Text(""), refresh=True)
            self._live.stop()

    def _take(self, member: MemberResult) -> None:
        self._states[member.member] = member.state
        self._done[member.member] = member.epochs
        if member.value is not None:
            self._values[member.member] = member.value

    def _draw(self) -> None:
        if self._live.is_started:
            self._drawn_at = time.monotonic()
            self._live.update(self.picture(), refresh=True)

    def picture(self) -> Group:
        """The current display."""
        room = max(1, self._console.height - OTHER_LINES)
        by = "" if self._sweep is None else self._sweep.by or ""
        table = Table(box=None)
        table.add_column("member", no_wrap=True, overflow="ellipsis")
        for heading in ("epoch", by, "state"):
            table.add_column(heading, justify="right", no_wrap=True)
        names = self._in_order()
        for name in names[:room]:
            value = self._values.get(name)
            table.add_row(
                inert_text(name),
                f"{self._done.get(name, 0)}/{self._epochs[name]}",
                "" if value is None else figure(value),
                self._states[name],
            )
        hidden = len(names) - room
        rest = [Text(f" and {hidden:,} more", style="dim")] if hidden > 0 else []
        return Group(self._bar(), table, *rest)

    def _in_order(self) -> list[str]:
        """Those with a value, the best first; then those that train, and those that wait."""
        sign = -1 if self._sweep is not None and self._sweep.higher_is_better else 1

        def place(name: str) -> tuple[bool, float, bool]:
            value = self._values.get(name)
            return value is None, sign * (value or 0.0), self._states[name] != "training"

        return sorted(self._epochs, key=place)

    def _bar(self) -> Table:
        ended = sum(state not in {"waiting", "training"} for state in self._states.values())
        total = sum(self._epochs.values())
        done = sum(
            self._epochs[name] if self._states[name] == "finished" else self._done.get(name, 0)
            for name in self._epochs
        )
        line = Table.grid(padding=(0, 1), expand=True)
        line.add_column()
        line.add_column(ratio=1)
        line.add_column(justify="right")
        line.add_row(
            Text(f"{ended}/{len(self._epochs)} members", style="bold"),
            ProgressBar(total=max(total, 1), completed=done),
            Text(duration(time.monotonic() - self._began_at)),
        )
        return line


def outcome_line(result: MemberResult, by: str) -> str:
    """`finished, val_loss 0.21, test accuracy 0.93`."""
    parts: list[str] = [result.state]
    if result.problem is not None:
        parts = [f"{result.state}: {result.problem}"]
    if by and result.value is not None:
        parts.append(f"{by} {figure(result.value)}")
    if result.test is not None:
        parts.append(f"test accuracy {share(result.test.accuracy)}")
        parts.append(f"macro F1 {share(result.test.f1_macro)}")
    return ", ".join(parts)


def print_sweep(sweep: SweepResult, stream: TextIO) -> None:
    """Every setting, the best first, and what is shown of them."""
    console = make_console(stream)
    ranking = sweep.ranking[:MOST_SETTINGS]
    columns = setting_columns(sweep, ranking)
    numbers = {heading: [Text(cell) for cell in cells] for heading, cells in columns.items()}
    shown, room = leave_room(numbers, console.width - ROOM_FOR_SETTING)
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", max_width=room + ROOM_FOR_SETTING, overflow="fold")
    for heading in shown:
        table.add_column(heading, justify="right", no_wrap=True)
    names = [inert_text(setting_text(sweep.settings[place], sweep)) for place in ranking]
    for name, *cells in zip(names, *shown.values(), strict=True):
        table.add_row(name, *cells)
    console.print(table)
    more = len(sweep.settings) - len(ranking)
    rest = [f"and {more:,} more settings, all of them in sweep.csv"] if more else []
    for line in (*rest, *left_out(numbers, shown), *findings(sweep)):
        console.print(inert_text(line))
    _print_ensembles(sweep, ranking[:MOST_ENSEMBLES], console)


def _print_ensembles(sweep: SweepResult, ranking: Sequence[int], console: Console) -> None:
    """The ensembles of these settings beside their members, and how many more there are."""
    names, columns = ensemble_columns(sweep, ranking)
    if not names:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("on test", overflow="fold")
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, *cells in zip(names, *columns.values(), strict=True):
        table.add_row(inert_text(name), *cells)
    console.print(table)
    shown = sum(sweep.settings[place].ensemble is not None for place in ranking)
    if more := sum(one.ensemble is not None for one in sweep.settings) - shown:
        console.print(f"and {more:,} more ensembles, all of them in sweep.json")
