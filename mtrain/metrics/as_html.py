"""An evaluation as a notebook shows it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from mtrain.metrics.lowest import lowest_f1
from mtrain.text import inert

if TYPE_CHECKING:
    from collections.abc import Iterator

FIGURES = ("precision", "recall", "f1-score")


def metrics_as_html(metrics: dict[str, Any]) -> str:
    """The content of a `metrics.json` as a table, a row a class; names of classes are inert."""
    return "".join(_lines(metrics))


def _lines(metrics: dict[str, Any]) -> Iterator[str]:
    yield (
        f"<p>{_text(metrics['split'])} split, {metrics['n']:,} rows, accuracy "
        f"{_share(metrics['accuracy'])} ({_text(metrics['checkpoint'])}); always "
        f"{_text(metrics['baseline']['class'])}: {_share(metrics['baseline']['accuracy'])}</p>"
    )
    headings = ("class", "precision", "recall", "F1", "support")
    yield f"<table><tr>{''.join(f'<th>{heading}</th>' for heading in headings)}</tr>"
    entries = lowest_f1(metrics["classes"])
    for entry in entries:
        yield _row(entry["name"], entry, entry["support"])
    if more := len(metrics["classes"]) - len(entries):
        yield f"<tr><td>and {more:,} classes more</td></tr>"
    yield _row("macro average", metrics["averages"]["macro avg"], metrics["n"])
    yield "</table>"


def _row(name: str, figures: dict[str, Any], support: int) -> str:
    cells = (_text(name), *(_share(figures[key]) for key in FIGURES), f"{support:,}")
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _text(value: str) -> str:
    return html.escape(inert(value))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:z.3f}"
