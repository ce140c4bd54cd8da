"""The results that commands print: an evaluation, a model's layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from mtrain.records.dataset import SPLITS
from mtrain.report.class_names import NARROWEST, class_labels, leave_room, left_out, room_beside
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.fonts import missing_letters
from mtrain.report.remarks import figure_lines, temperature_lines, threshold_lines, weighted_lines
from mtrain.report.text import first_few, marks, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import JustifyMethod

    from mtrain.records.report import Average, ClassReport, Interval, Report
    from mtrain.records.training import Layer


def print_report(report: Report, stream: TextIO) -> None:
    """Precision, recall and F1 of every class with 95 % intervals, its verdict, and the baseline."""
    console = make_console(stream)
    entries = report.lowest_f1()
    macro = replace(report.averages.macro, support=report.n)
    mark = marks(console.encoding)
    verdicts = [f"{mark[one.verdict]} {one.verdict}" for one in entries]
    for intervals in (("precision", "recall", "f1"), ("precision", "recall"), ()):
        columns = _columns([*entries, macro], [*verdicts, ""], intervals)
        if room_beside(columns, console.width) >= NARROWEST:
            break
    headings = tuple(columns)
    columns, room = leave_room(columns, console.width)
    table = Table(box=None, pad_edge=False)
    # Other texts than names, such as the number of hidden classes, continue in the next line.
    table.add_column("class", max_width=room, overflow="fold")
    for heading in columns:
        justify: JustifyMethod = "left" if heading == "verdict" else "right"
        table.add_column(heading, justify=justify, no_wrap=True)
    *rows, average = zip(*columns.values(), strict=True)
    names = class_labels([one.name for one in entries], room, [one.id for one in entries])
    for name, numbers in zip(names, rows, strict=True):
        table.add_row(Text(name), *numbers)
    if more := len(report.classes) - len(entries):
        table.add_row(Text(_left_out(report.classes, more), style="dim"))
    table.add_section()
    table.add_row("macro average", *average, style="bold")
    note = ", with 95 % intervals" if intervals else ""
    of_groups = "" if report.groups is None else f", {report.rows}"
    console.print(f"{SPLITS[report.split]} split{of_groups}{note}", style="dim")
    console.print(table)
    for line in left_out(headings, columns):
        console.print(Text(line, style="dim"))
    for line in figure_lines(report):
        console.print(Text(line))
    for line in _conclusions(report, mark):
        console.print(inert_text(line))


def print_files(
    report: Report, folder: Path, stream: TextIO, suspects: Sequence[tuple[Path, str, int]] = ()
) -> None:
    """Which files of an evaluation to open first: one a line, so that a terminal can open it.

    `suspects` are its lists, of which split they are and how many rows they have.
    """
    files = {
        folder / "precision_recall.png": "precision and recall of every class",
        folder / "confusion_matrix.png": "what each class is taken for",
        folder / "errors.csv": "the mistakes, the most confident first",
    }
    if report.accuracy == 1:
        del files[folder / "errors.csv"]
    if report.by is not None:
        files[folder / "slices.json"] = "every figure of each slice"
    for path, split, n in suspects:
        rows = f"{n:,} {SPLITS[split]} row{'s' * (n > 1)}"
        files[path] = f"{rows} whose label the network doubts"
    console = make_console(stream)
    console.print("Open first:")
    for path, content in files.items():
        line = inert_text(f"  {path}")
        fits = not console.is_terminal or line.cell_len + len(content) + 2 <= console.width
        console.print(line.append("  " if fits else "\n    ").append(content), soft_wrap=True)


def print_layers(layers: Sequence[Layer], stream: TextIO) -> None:
    """Name, kind, output shape and parameters of every layer, and their sums."""
    table = Table(box=None, pad_edge=False)
    for heading in ("layer", "kind", "output shape"):
        table.add_column(heading, no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    for layer in layers:
        shape = ", ".join("None" if size is None else str(size) for size in layer.output_shape)
        table.add_row(
            inert_text(layer.name), inert_text(layer.kind), f"({shape})", f"{layer.parameters:,}"
        )
    total = sum(layer.parameters for layer in layers)
    trainable = sum(layer.trainable for layer in layers)
    console = make_console(stream)
    console.print(table)
    console.print(f"{total:,} parameters, {trainable:,} of them trainable")


def _left_out(entries: Sequence[ClassReport], n: int) -> str:
    """The text about the `n` classes without room in the table."""
    unknown = sum(entry.f1 is None for entry in entries)
    parts = [
        f"{n - unknown:,} classes of no lower F1" if n > unknown else "",
        f"{unknown:,} classes neither present nor predicted" if unknown else "",
    ]
    return f"and {', '.join(filter(None, parts))}"


def _conclusions(report: Report, mark: Mapping[str, str]) -> Iterator[str]:
    yield from (*threshold_lines(report), *temperature_lines(report))
    baseline = report.baseline
    yield (
        f"accuracy {share(report.accuracy)} ({report.checkpoint}); "
        f"always '{baseline.class_name}': accuracy {share(baseline.accuracy)}"
    )
    yield from weighted_lines(report)
    if report.data is not None:
        yield from first_few(report.data.notes)
    for finding in report.findings:
        its = mark.get(finding.kind.replace("-", " "))
        yield finding.text if its is None else f"{its} {finding.text}"
    # Last: the names that charts cannot show are about the pictures, not the figures.
    if (missing := missing_letters(entry.name for entry in report.classes)) is not None:
        yield missing


def _columns(
    entries: Sequence[ClassReport | Average], verdicts: Sequence[str], intervals: Sequence[str]
) -> dict[str, Sequence[Text]]:
    """Numbers and verdicts of classes, or of an average, by heading; `intervals` of these figures."""
    columns: dict[str, Sequence[Text]] = {}
    for heading, metric in (("precision", "precision"), ("recall", "recall"), ("F1", "f1")):
        columns[heading] = cells = []
        for entry in entries:
            text = share(getattr(entry, metric))
            if metric in intervals:
                bounds = getattr(entry, f"{metric}_ci")
                text += _interval(bounds) if bounds else " " * len(_interval((0, 0)))
            cells.append(Text(text))
    columns["verdict"] = [Text(verdict) for verdict in verdicts]
    columns["support"] = [Text(f"{entry.support:,}") for entry in entries]
    return columns


def _interval(bounds: Interval) -> str:
    return f" {bounds[0]:.2f}-{bounds[1]:.2f}"
