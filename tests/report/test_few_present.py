"""Of many classes only a few are in a split: the lowest figures are those of these few."""

from __future__ import annotations

import io

import numpy as np
import pytest
from conftest import facts_of
from rich.console import Console

from mtrain.config.loading.load import load_config
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.lowest import lowest
from mtrain.metrics.report import make_report
from mtrain.records.run import Segment
from mtrain.records.training import EpochRecord, Predictions, Progress, Tally
from mtrain.report.charts import evaluation as evaluation_charts
from mtrain.report.charts import history as history_charts
from mtrain.report.console.live import LiveTable
from mtrain.report.console.plain import PlainLines
from mtrain.report.console.results import print_report

pytestmark = pytest.mark.renders

K = 150
PRESENT = tuple(range(7, K, 40))
"""Four classes of 150."""

NAMES = tuple(f"class {k}" for k in range(K))


def predictions():
    """Ten rows a class that is present; of the first all are right, of the second nine, ..."""
    labels = np.repeat(PRESENT, 10)
    misses = np.concatenate([np.arange(10) < k for k in range(len(PRESENT))])
    predicted = np.where(misses, PRESENT[0], labels)
    return Predictions(labels, predicted, np.eye(K, dtype=np.float32)[predicted], 0.5)


def figures():
    made = predictions()
    confusion = np.zeros((K, K), np.int64)
    np.add.at(confusion, (made.labels, made.predicted), 1)
    return epoch_figures(
        EpochRecord(1, 0.01, Tally(0.5, confusion), None), load_config({}, {}).metrics
    )


def report():
    return make_report(predictions(), NAMES, split="test", checkpoint="epoch-0001")


def test_undefined_values_are_no_lowest():
    """They come last; of equal values the first classes are taken."""
    nan = float("nan")

    assert lowest(np.array([nan, 0.5, nan, 0.25, 0.5]), 2) == [1, 3]
    assert lowest(np.array([nan, 0.5, nan, 0.25]), 3) == [0, 1, 3]


def test_the_results_show_the_classes_that_are_present():
    """And say how many are neither present nor predicted."""
    print_report(report(), stream := io.StringIO())
    lines = stream.getvalue().splitlines()

    shown = [line.split()[1] for line in lines if line.startswith("class ")]
    assert shown[1:] == [str(k) for k in PRESENT]
    assert "and 146 classes neither present nor predicted" in stream.getvalue()


def test_results_tell_hidden_classes_that_are_better_from_absent_ones():
    """Of 150 classes 120 have a row; a hundred are shown."""
    labels = np.arange(120)
    made = Predictions(labels, labels, np.eye(K, dtype=np.float32)[labels], 0.5)
    print_report(make_report(made, NAMES, split="test", checkpoint="x"), stream := io.StringIO())

    assert (
        "and 20 classes of no lower F1, 30 classes neither present nor predicted"
        in stream.getvalue()
    )


def test_the_bars_are_of_the_classes_that_are_present():
    """The title says of how many."""
    axes = evaluation_charts.draw_precision_recall(report()).axes[0]

    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [NAMES[k] for k in PRESENT]
    assert axes.get_title().endswith("4 of 150, those of the lowest F1")


@pytest.mark.parametrize("metric", ["precision", "recall"])
def test_lines_in_colour_are_of_classes_with_a_value(metric):
    """The others are grey, and not called better."""
    history = History("a run", NAMES, segments=[Segment((1, 0))])
    history.append(figures(), seconds=1.0)
    (axes,) = history_charts.draw_by_class(history, metric).axes

    labels = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert [label.split("  ")[1] for label in labels[:-1]] == [NAMES[k] for k in PRESENT]
    assert labels[-1] == "the 146 other classes"


def test_curves_in_colour_are_of_classes_with_a_value():
    """Of an absent class there is no ROC curve."""
    axes = evaluation_charts.draw_roc(report(), predictions()).axes[0]

    labels = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert [label.split("  ")[1] for label in labels[:-1]] == [NAMES[k] for k in PRESENT]


def test_the_live_table_shows_the_classes_that_are_present_first():
    """In 24 lines there is room for eighteen."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    table = LiveTable(console)
    table.begin(facts_of(NAMES, train=40, test=40))
    table.progress(Progress(1, 1, 1, 40, Tally(0.5, np.zeros((K, K), np.int64))))
    table.epoch(figures(), 1.0)
    table.trained(None)
    plain = Console(file=io.StringIO(), width=80, height=24)
    plain.print(table.picture())
    lines = [line.split() for line in plain.file.getvalue().splitlines()]

    shown = {int(line[1]) for line in lines if line[:1] == ["class"] and line[1].isdigit()}
    assert set(PRESENT) <= shown


def test_plain_lines_name_no_absent_class():
    """Of four classes with a recall the three lowest; of two classes both, and no dash."""
    observer = PlainLines(stream := io.StringIO())
    observer.begin(facts_of(NAMES, train=40, test=40))
    observer.epoch(figures(), 1.0)
    lowest_three = ", ".join(f"class {k} 0.{n}00" for k, n in ((127, 7), (87, 8), (47, 9)))
    assert f"lowest recall: {lowest_three};" in stream.getvalue()

    confusion = np.zeros((K, K), np.int64)
    confusion[3, 3] = confusion[5, 3] = 1
    record = EpochRecord(1, 0.01, Tally(0.5, confusion), None)
    observer.epoch(epoch_figures(record, load_config({}, {}).metrics), 1.0)
    assert "lowest recall: class 5 0.000, class 3 1.000;" in stream.getvalue()
