"""Tables and charts of classes with long names: numbers are whole, and names differ."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from conftest import facts_of
from rich.cells import cell_len
from rich.console import Console

from mtrain.config.loading.load import load_config
from mtrain.metrics.counts import class_counts
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.report import make_report
from mtrain.records.run import Segment
from mtrain.records.training import EpochRecord, Predictions, Tally
from mtrain.report.charts import evaluation as evaluation_charts
from mtrain.report.charts import history as history_charts
from mtrain.report.class_names import class_labels
from mtrain.report.console.live import LiveTable
from mtrain.report.console.results import print_report

SEGMENTS = tuple(f"Customers who bought something in the segment {letter}" for letter in "ABC")
SUPPORT = 1_234_567


def confusion():
    """Of each class all rows but one are found, and taken for the next."""
    counts = np.eye(3, dtype=np.int64) * (SUPPORT - 1)
    counts[[0, 1, 2], [1, 2, 0]] = 1
    return counts


def figures(epoch):
    labels = np.repeat([0, 1, 2], 2)
    predictions = Predictions(labels, labels, np.eye(3, dtype=np.float32)[labels], 0.00001234)
    record = EpochRecord(epoch, 0.01, Tally(1.5, confusion()), predictions)
    found = epoch_figures(record, load_config({}, {}).metrics)
    found.counts["val"] = class_counts(confusion())  # of many rows
    return found


def report():
    """Of three rows a class, one of which is taken for the next."""
    labels = np.repeat([0, 1, 2], 3)
    predicted = np.where(np.arange(9) % 3 == 0, (labels + 1) % 3, labels)
    probabilities = np.eye(3, dtype=np.float32)[predicted]
    predictions = Predictions(labels, predicted, probabilities, 0.5)
    return make_report(predictions, SEGMENTS, split="test", checkpoint="epoch-0001")


def live_lines(width):
    """What a live table shows after two epochs."""
    table = LiveTable(Console(file=io.StringIO(), force_terminal=True, width=width, height=30))
    table.begin(facts_of(SEGMENTS, train=9, val=9, test=9))
    for epoch in (1, 2):
        table.epoch(figures(epoch), 1.0)
    table.trained(None)
    console = Console(file=io.StringIO(), width=width, height=30)
    console.print(table.picture())
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [30, 45, 60, 62, 80, 100, 120])
def test_the_live_table_cuts_names_and_no_number(width):
    """The last columns are left out where even a short name has no room."""
    lines = live_lines(width)
    heading = next(line for line in lines if line.split()[:1] == ["class"])
    rows = [line for line in lines if line.startswith(" Custo")]
    numbers = ["1.000", "1.000", "1.000", f"{SUPPORT:,}", "+0.000"]

    assert max(map(len, lines)) <= width
    shown = len(heading.replace("F1 change", "change").split()) - 1
    assert shown >= (3 if width >= 45 else 1)
    assert shown == 5 or width < 62
    names = [row.rsplit(maxsplit=shown)[0] for row in rows]
    assert [row.rsplit(maxsplit=shown)[1:] for row in rows] == [numbers[:shown]] * 3
    assert min(map(len, names)) > 12 or width < 100
    assert len(set(names)) == 3
    assert all(name.rstrip()[-1] == letter for name, letter in zip(names, "ABC", strict=True))


@pytest.mark.parametrize("width", [30, 45, 60, 67, 68, 80, 100, 120])
def test_the_table_of_results_cuts_names_and_no_number(width, monkeypatch):
    """Intervals are left out, then the last columns, where even a short name has no room."""
    monkeypatch.setenv("COLUMNS", str(width))
    print_report(report(), stream := io.StringIO())
    lines = stream.getvalue().splitlines()
    heading, *rows = lines[1:5]
    n_columns = {30: 1, 45: 3}.get(width, 5)
    columns = ["precision", "recall", "F1", "verdict", "support"][:n_columns]

    assert max(map(len, lines[:6])) <= width
    assert heading.split() == ["class", *columns]
    for row, letter in zip(rows, "ABC", strict=True):
        name, numbers = row[: row.index(f"{letter} ") + 1], row[row.index(f"{letter} ") + 1 :]
        assert name.startswith("Custo")
        assert len(re.findall(r"\b0\.667\b", numbers)) == min(len(columns), 3)
        assert numbers.count(" 0.21-0.94") == (2 if width >= 80 else 0)


def test_a_narrow_line_leaves_out_a_whole_figure():
    """In 45 columns the epoch, which would be cut; in 60 nothing."""
    validated = "validation: loss 1.234e-05, accuracy 1.000"

    assert live_lines(45)[2] == validated
    assert live_lines(60)[2] == f"{validated}, after epoch 2"


def test_charts_tell_long_names_apart():
    """On the axes of bars and of the matrix, and in the legends."""
    history = History("a run", SEGMENTS, segments=[Segment((1, 0))])
    history.append(figures(1), seconds=1.0)
    bars = evaluation_charts.draw_precision_recall(report()).axes[0]
    matrix = evaluation_charts.draw_confusion_matrix(report()).axes[0]
    lines = [
        evaluation_charts.draw_roc(report(), report().predictions).axes[0].lines,
        history_charts.draw_by_class(history, "recall").axes[0].lines,
    ]
    expected = [f"Customers wh…e segment {letter}" for letter in "ABC"]

    assert [label.get_text() for label in bars.get_yticklabels()] == expected
    assert [label.get_text() for label in matrix.get_xticklabels()] == expected
    for drawn in lines:
        labels = [line.get_label().split("  ") for line in drawn]
        assert [label[1] for label in labels if len(label) > 1] == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["short", "also short"], ["short", "also short"]),
        (["one long name of a class", "another"], ["one long na…", "another"]),
        (["segments of A", "segments of B"], ["segment…of A", "segment…of B"]),
        (
            ["like this one A like this", "like this one B like this"],
            ["…one A like…", "…one B like…"],
        ),
        (["a" * 13, "a" * 14], ["…aaaa", "…aaaaa"]),
        (["日本語の長い名前"], ["日本語の長…"]),
    ],
)
def test_names_are_cut_where_they_do_not_differ(names, expected):
    """Worked by hand, for twelve characters."""
    assert class_labels(names, 12) == expected


def test_labels_that_would_look_alike_end_in_the_index_of_their_class():
    """Of all classes, not of those that are shown."""
    start = "w" * 20
    names = [f"{start}1{start}1{start}", f"{start}1{start}2{start}", f"{start}2{start}"]

    assert class_labels(names, 12, [57, 58, 90])[:2] == ["wwwwwwww…#57", "wwwwwwww…#58"]


@pytest.mark.parametrize("width", range(12, 30))
def test_names_that_differ_anywhere_have_labels_that_differ(width):
    """At the beginning, the end and in the middle, and by their length; no label is too long."""
    names = [f"{'x' * 17}{letter}{'y' * 17}" for letter in "abc名"]
    names += ["z" * n for n in (40, 41, 42)] + list(SEGMENTS)
    # Two of three share more of their beginning.
    start = "w" * 20
    names += [f"{start}1{start}1{start}", f"{start}1{start}2{start}", f"{start}2{start}3{start}"]
    labels = class_labels(names, width)

    assert len(set(labels)) == len(names)
    assert max(map(cell_len, labels)) <= width
