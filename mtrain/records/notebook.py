"""An evaluation as a notebook shows it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from mtrain.escape import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mtrain.records.report import Report, Scores


def report_as_html(report: Report) -> str:
    """A table, a row a class; names of classes are inert."""
    return "".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    baseline = report.baseline
    yield (
        f"<p>{_text(report.split)} split, {report.n:,} rows, accuracy {_share(report.accuracy)} "
        f"({_text(report.checkpoint)}); always {_text(baseline.class_name)}: "
        f"{_share(baseline.accuracy)}</p>"
    )
    headings = ("class", "precision", "recall", "F1", "support")
    yield f"<table><tr>{''.join(f'<th>{heading}</th>' for heading in headings)}</tr>"
    entries = report.lowest_f1()
    for entry in entries:
        yield _row(entry.name, entry, entry.support)
    if more := len(report.classes) - len(entries):
        yield f"<tr><td>and {more:,} classes more</td></tr>"
    yield _row("macro average", report.averages.macro, report.n)
    yield "</table>"


def _row(name: str, scores: Scores, support: int) -> str:
    shares = (_share(value) for value in (scores.precision, scores.recall, scores.f1))
    cells = (_text(name), *shares, f"{support:,}")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _text(value: str) -> str:
    return html.escape(inert(value))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:z.3f}"
