"""The page of a run as a text: HTML, or Markdown in the form of a model card."""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.metrics.lowest import lowest
from mtrain.metrics.selective import answered
from mtrain.records.dataset import SPLITS
from mtrain.report.page.chart import coverage_charts, history_charts
from mtrain.report.page.confusion import confused_pairs, matrix
from mtrain.report.page.content import MOST_SUSPECTS
from mtrain.report.page.rendering import load_templates, render_html, render_markdown
from mtrain.report.pictures import MOST_PICTURES
from mtrain.report.remarks import (
    figure_lines,
    learning_lines,
    temperature_lines,
    threshold_lines,
    weighted_lines,
)
from mtrain.report.text import MARKS, axis_start, first_few

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.metrics.learning import ClassLearning
    from mtrain.records.report import Decision, Report
    from mtrain.report.page.content import PageContent

MOST_CLASSES = 1000
"""Classes in tables; of more, those of the lowest F1."""

OF_IMAGES = {"digits", "mnist", "fashion_mnist", "images"}
"""Data sets that are known to be images before any is shown."""

VERDICTS: tuple[Decision, ...] = ("learned", "not learned", "unproven")

TEMPLATE = "run.html"


def load() -> None:
    """Load what `html_page` needs, in advance."""
    load_templates(TEMPLATE)


def html_page(content: PageContent) -> str:
    """One file of HTML without scripts, which loads nothing from anywhere."""
    pictures = {row: base64.b64encode(png).decode() for row, png in content.pictures.items()}
    return render_html(TEMPLATE, {**_values(content), "pictures": pictures})


def model_card(content: PageContent) -> str:
    """Markdown in the sections of a model card."""
    return render_markdown("model_card.md", _values(content))


def _values(content: PageContent) -> dict[str, Any]:
    """All that the templates name."""
    config, report = content.config, content.report
    epochs = len(content.history.epoch)
    values: dict[str, Any] = {
        "content": content,
        "config": config,
        "network": str(config.model),
        "is_of_images": bool(content.pictures) or config.dataset.name in OF_IMAGES,
        "environment": content.environment,
        "epochs": epochs,
        "wanted": config.training.epochs,
        "charts": list(history_charts(content.history)),
        "answered": [],
        "of_coverage": [],
        "learning": _least_kept(content.learning),
        "learning_lines": list(learning_lines(content.history, content.learning)),
        "report": report,
        "splits": _rows_by_split(content),
        "marks": MARKS,
        "mistakes": [] if content.mistakes is None else content.mistakes.first(MOST_PICTURES),
        "suspects": [] if content.mistakes is None else content.mistakes.suspects(MOST_SUSPECTS),
    }
    if report is not None and report.calibration is not None:
        bins = report.calibration.bins
        shares = [share for one in bins for share in (one.probability, one.right)]
        values["calibration_start"] = axis_start(shares)
    if report is not None and content.mistakes is not None:
        predictions = content.mistakes.predictions
        values["answered"] = list(answered(predictions))
        names = [one.name for one in report.classes]
        values["of_coverage"] = list(coverage_charts(predictions, names))
    if report is not None:
        pairs = confused_pairs(report, content.mistakes)
        entries = report.lowest_f1(MOST_CLASSES)
        values |= {
            "split": SPLITS[report.split],
            "entries": entries,
            "left_out": len(report.classes) - len(entries),
            "verdicts": _by_verdict(report),
            "pairs": pairs,
            "matrix": matrix(report, pairs),
            "remarks": [
                *threshold_lines(report),
                *temperature_lines(report),
                *weighted_lines(report),
                *figure_lines(report),
                *(finding.text for finding in report.findings),
            ],
            "notes": first_few(report.data.notes if report.data is not None else ()),
        }
    return values


def _least_kept(learning: Sequence[ClassLearning]) -> list[ClassLearning]:
    """Each class, or those of which least was learned for good."""
    return [learning[k] for k in lowest(np.array([one.kept for one in learning]), MOST_CLASSES)]


def _by_verdict(report: Report) -> dict[str, int]:
    """How many classes have each verdict that some have."""
    counts = Counter(one.verdict for one in report.classes)
    return {verdict: counts[verdict] for verdict in VERDICTS if counts[verdict]}


def _rows_by_split(content: PageContent) -> dict[str, list[int]]:
    """Rows of each class, by split."""
    history = content.history
    splits = {
        SPLITS[name]: [int(n) for n in history.class_counts(name, -1).support]
        for name in (history.counts if history.epoch else ())
    }
    if content.report is not None:
        splits[SPLITS[content.report.split]] = [one.support for one in content.report.classes]
    return splits
