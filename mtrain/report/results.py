"""What a command prints when its work is done: an evaluation, a model's layers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mtrain.metrics.lowest import lowest_f1
from mtrain.report.class_names import NARROWEST, class_labels, leave_room, left_out, room_beside
from mtrain.report.fonts import missing_letters
from mtrain.report.text import SPLITS, first_few, share
from mtrain.text import inert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from mtrain.metrics.report import Report
    from mtrain.records.training import Layer


WIDTH_OF_A_FILE = 1000

MOST_NAMED = 8
"""Classes of which the same is said."""


class _Console(Console):
    """Leaves a closed pipe to whoever runs the command; rich would exit with status 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def make_console(stream: TextIO) -> Console:
    """As wide as the terminal or COLUMNS; a file or a pipe has no width to fit into."""
    fits = stream.isatty() or "COLUMNS" in os.environ
    return _Console(file=stream, highlight=False, width=None if fits else WIDTH_OF_A_FILE)


def print_report(report: Report, stream: TextIO) -> None:
    """Precision, recall and F1 of every class with 95 % intervals, and the baseline beside them."""
    metrics = report.metrics
    console = make_console(stream)
    entries = lowest_f1(metrics["classes"])
    macro = metrics["averages"]["macro avg"] | {"support": metrics["n"]}
    columns = _columns([*entries, macro], _with_interval)
    intervals = room_beside(columns, console.width) >= NARROWEST
    if not intervals:
        columns = _columns([*entries, macro], _alone)
    headings = tuple(columns)
    columns, room = leave_room(columns, console.width)
    table = Table(box=None, pad_edge=False)
    # What is no name, such as how many classes are not shown, continues in the next line.
    table.add_column("class", max_width=room, overflow="fold")
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    *rows, average = zip(*columns.values(), strict=True)
    ids = [entry["id"] for entry in entries]
    names = class_labels([entry["name"] for entry in entries], room, ids)
    for name, numbers in zip(names, rows, strict=True):
        table.add_row(Text(name), *numbers)
    if more := len(metrics["classes"]) - len(entries):
        table.add_row(Text(_left_out(metrics["classes"], more), style="dim"))
    table.add_section()
    table.add_row("macro average", *average, style="bold")
    note = ", with 95 % Wilson intervals" if intervals else ""
    console.print(f"{SPLITS[metrics['split']]} split{note}", style="dim")
    console.print(table)
    for line in left_out(headings, columns):
        console.print(Text(line, style="dim"))
    for name, value in metrics.get("figures", {}).items():
        console.print(Text(f"{name} {'undefined' if value is None else f'{value:zg}'}"))
    for line in (*_conclusions(metrics), *_last_lines(metrics["classes"])):
        console.print(Text(line))


def print_files(report: Report, folder: Path, stream: TextIO) -> None:
    """Which files of an evaluation to open first: one a line, so that a terminal can open it."""
    files = {
        "precision_recall.png": "precision and recall of every class",
        "confusion_matrix.png": "what each class is taken for",
        "errors.csv": "the mistakes, the most confident first",
    }
    if report.metrics["accuracy"] == 1:
        del files["errors.csv"]
    console = make_console(stream)
    console.print("Open first:")
    for name, content in files.items():
        path = inert(str(folder / name))
        fits = not console.is_terminal or cell_len(path) + len(content) + 4 <= console.width
        between = "  " if fits else "\n    "
        console.print(Text(f"  {path}{between}{content}"), soft_wrap=True)


def print_layers(layers: Sequence[Layer], stream: TextIO) -> None:
    """Name, kind, output shape and parameters of every layer, and their sums."""
    table = Table(box=None, pad_edge=False)
    for heading in ("layer", "kind", "output shape"):
        table.add_column(heading, no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    for layer in layers:
        shape = ", ".join("None" if size is None else str(size) for size in layer.output_shape)
        table.add_row(layer.name, layer.kind, f"({shape})", f"{layer.parameters:,}")
    total = sum(layer.parameters for layer in layers)
    trainable = sum(layer.trainable for layer in layers)
    console = make_console(stream)
    console.print(table)
    console.print(f"{total:,} parameters, {trainable:,} of them trainable")


def _left_out(entries: Sequence[dict[str, Any]], n: int) -> str:
    """What the `n` classes are that the table has no room for."""
    unknown = sum(entry["f1-score"] is None for entry in entries)
    parts = [
        f"{n - unknown:,} classes of no lower F1" if n > unknown else "",
        f"{unknown:,} classes neither present nor predicted" if unknown else "",
    ]
    return f"and {', '.join(filter(None, parts))}"


def _conclusions(metrics: dict[str, Any]) -> Iterator[str]:
    baseline = metrics["baseline"]
    if "threshold" in metrics:
        yield _threshold(metrics)
    yield (
        f"accuracy {share(metrics['accuracy'])} ({metrics['checkpoint']}); "
        f"always {_quoted(baseline['class'])}: accuracy {share(baseline['accuracy'])}"
    )
    if (weighted := metrics.get("sample_weighted")) is not None:
        macro = weighted["averages"]["macro avg"]
        yield (
            f"By sample weight: accuracy {share(weighted['accuracy'])}; on average precision "
            f"{share(macro['precision'])}, recall {share(macro['recall'])}, "
            f"F1 {share(macro['f1-score'])}"
        )
    if baseline["accuracy"] == 1:
        yield f"Every row is of {_quoted(baseline['class'])}: accuracy says little here."
    elif metrics["accuracy"] <= baseline["accuracy"]:
        than = "no better" if metrics["accuracy"] == baseline["accuracy"] else "worse"
        yield f"Accuracy is {than} than that of always answering {_quoted(baseline['class'])}."
    yield from _not_learned(metrics["classes"])
    undefined: dict[tuple[str, str], list[str]] = {}
    for entry in metrics["undefined"]:
        undefined.setdefault((entry["metric"], entry["reason"]), []).append(entry["class"])
    for (metric, reason), names in undefined.items():
        yield f"Undefined: {metric} of {_listed(names)}, {reason}; not in the macro average"
    data = metrics.get("data", {"as_trained_on": True, "notes": []})
    yield from map(inert, first_few(data["notes"]))
    if not data["as_trained_on"]:
        yield (
            f"These are not the files of the training, and may have rows of it: {inert(data['source'])}"
        )
    if metrics["selected"]:
        chosen = metrics.get("threshold_chosen", {"failed": "by no rule"})
        what = "checkpoint" if "failed" in chosen else "threshold"
        yield f"The {what} was chosen on this split: its figures are optimistic."


def _last_lines(entries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Names that charts cannot show; the class of the lowest F1, and what becomes of its rows."""
    if (missing := missing_letters(entry["name"] for entry in entries)) is not None:
        yield missing
    least = min((e for e in entries if e["support"]), key=lambda entry: entry["f1-score"])
    if least["f1-score"] == 1:
        return
    line = f"Least learned: {inert(least['name'])} (F1 {least['f1-score']:.2f})"
    if confused := least["confused_with"]:
        yield (
            f"{line}, most often taken for {inert(confused[0]['name'])} "
            f"({confused[0]['n']:,} of {least['support']:,})"
        )
    else:
        others = "row of another class is" if least["fp"] == 1 else "rows of other classes are"
        yield f"{line}: all of its rows are found, but {least['fp']:,} {others} taken for it"


def _threshold(metrics: dict[str, Any]) -> str:
    """Above what the second class was predicted, and how that was chosen."""
    line = f"{_quoted(metrics['classes'][1]['name'])} predicted above {metrics['threshold']:g}"
    if (chosen := metrics.get("threshold_chosen")) is None:
        return line
    how = {
        "f1": "the threshold of the best F1",
        "recall": f"the highest threshold that reaches recall {chosen.get('at_least')}",
        "precision": f"the lowest threshold that reaches precision {chosen.get('at_least')}",
    }[chosen["by"]]
    epoch = f" after epoch {chosen['epoch']}" if "epoch" in chosen else ""
    where = f"on the validation split{epoch}"
    if "failed" in chosen:
        return f"{line}, not at {how} {where}: {chosen['failed']}"
    return f"{line}, {how} {where}"


def _not_learned(entries: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Classes that accuracy hides: present, and never predicted or never rightly so."""
    lost = [entry for entry in entries if entry["support"] and not entry["tp"]]
    for said, some in (
        ("Never predicted", [entry for entry in lost if not entry["predicted"]]),
        ("Never rightly predicted", [entry for entry in lost if entry["predicted"]]),
    ):
        if some:
            rows = sum(entry["support"] for entry in some)
            are = "row is" if rows == 1 else "rows are"
            of = "it" if len(some) == 1 else "them"
            names = _listed([entry["name"] for entry in some])
            yield f"{said}: {names}, though {rows:,} {are} of {of}"


def _listed(names: Sequence[str]) -> str:
    """The names, of many the first."""
    shown = [_quoted(name) for name in names[:MOST_NAMED]]
    if len(names) > len(shown):
        shown.append(f"{len(names) - len(shown)} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _columns(
    entries: Sequence[dict[str, Any]],
    shown: Callable[[float | None, Sequence[float] | None], str],
) -> dict[str, Sequence[Text]]:
    """The numbers of classes, or of an average, which has no intervals, by heading."""
    columns: dict[str, Sequence[Text]] = {
        metric: [Text(shown(entry[metric], entry.get(f"{metric}_ci"))) for entry in entries]
        for metric in ("precision", "recall")
    }
    columns["F1"] = [Text(share(entry["f1-score"])) for entry in entries]
    columns["support"] = [Text(f"{entry['support']:,}") for entry in entries]
    return columns


def _with_interval(value: float | None, bounds: Sequence[float] | None) -> str:
    if bounds is None:
        return share(value) + " " * len(_interval((0, 0)))
    return share(value) + _interval(bounds)


def _alone(value: float | None, _: Sequence[float] | None) -> str:
    return share(value)


def _interval(bounds: Sequence[float]) -> str:
    return f" [{bounds[0]:.2f}, {bounds[1]:.2f}]"


def _quoted(name: str) -> str:
    return f"'{inert(name)}'"
