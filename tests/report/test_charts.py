from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from epochs_and_reports import HOSTILE, history_of, names_of, predictions_of, report_of
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from PIL import Image
from sklearn import metrics as sklearn_metrics

from mtrain.config.loading.load import load_config
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.learning import class_learning
from mtrain.metrics.mistakes import confident_mistakes
from mtrain.metrics.report import make_report
from mtrain.records.run import Segment
from mtrain.records.training import EpochRecord, Predictions, Tally
from mtrain.report.charts import evaluation as evaluation_charts
from mtrain.report.charts import history as history_charts
from mtrain.report.charts.mistakes import draw_mistakes
from mtrain.report.charts.network import draw_network
from mtrain.report.console.results import print_report

pytestmark = pytest.mark.renders


def test_the_bars_of_learning_are_the_shares_of_the_history():
    """What was learned for good, forgotten and never learned make up each class; of many the worst."""
    history = history_of(names_of(4), learns=True)
    (axes,) = history_charts.draw_learning("a run", class_learning(history)).axes
    for bars, shares in zip(
        axes.containers,
        ([0, 0.1640625, 0.328125, 0.4921875], [0, 0.0546875, 0.109375, 0.1640625], None),
        strict=True,
    ):
        if shares is None:
            ends = [bar.get_x() + bar.get_width() for bar in bars]
            assert ends == pytest.approx([1] * 4)
        else:
            assert [bar.get_width() for bar in bars] == pytest.approx(shares)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(names_of(4))

    assert not axes.texts
    counted = [
        replace(one, never_right=n)
        for n, one in zip((9, 0, 1200, 3), class_learning(history), strict=True)
    ]
    (axes,) = history_charts.draw_learning("a run", counted).axes
    assert [(text.get_position()[1], text.get_text()) for text in axes.texts] == [
        (0, "9 never"),
        (1, "0 never"),
        (2, "1,200 never"),
        (3, "3 never"),
    ]

    many = class_learning(history_of(names_of(150), learns=True))
    (axes,) = history_charts.draw_learning("a run", many).axes
    assert [len(bars) for bars in axes.containers] == [100] * 3
    assert axes.get_yticklabels()[0].get_text() == "class 0"
    assert "100 of 150" in axes.get_title()


def test_each_mistake_has_its_picture_and_its_words():
    """In their order: the class, and what it was taken for with which probability."""
    report = report_of(names_of(3))
    predictions = report.predictions
    order = confident_mistakes(predictions)[:9]
    images = [np.full((20, 40), k, np.uint8) for k in range(9)]
    (axes,) = draw_mistakes(report, predictions, images).axes

    (image,) = axes.images
    for k, text in enumerate(axes.texts):
        left, below = map(int, text.get_position())
        assert (image.get_array()[below - 20 : below, left : left + 40] == k).all()
        assert (image.get_array()[below, left : left + 40] == 255).all()
    for text, row in zip(axes.texts, order, strict=True):
        predicted = predictions.predicted[row]
        share = predictions.probabilities[row, predicted]
        assert (
            text.get_text() == f"class {predictions.labels[row]}\nas class {predicted} {share:.3f}"
        )


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (names_of(2), "png"),
        (names_of(10), "png"),
        (names_of(10), "svg"),
        (names_of(10), "pdf"),
        (names_of(100), "png"),
        (HOSTILE, "png"),
        (HOSTILE, "svg"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} classes",
)
def test_every_chart_is_drawn(names, kind):
    """Of two classes, of a hundred, of names that mean something to matplotlib."""
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    report = report_of(names)
    images = [np.zeros((5, 5, 3), np.uint8)] * 9
    charts = [
        *history_charts.history_charts(
            history_of(names, learns=True), class_learning(history_of(names, learns=True)), kind
        ),
        *evaluation_charts.evaluation_charts(report, report.predictions, images, kind),
    ]

    assert [name for name, _ in charts] == [
        f"{name}.{kind}"
        for name in (
            *("learning_curves", "precision_by_class", "recall_by_class", "learning_by_class"),
            *("precision_recall", "confusion_matrix", "roc", "errors", "calibration", "pr"),
            *(("threshold",) if len(names) == 2 else ()),
        )
    ]
    for _, content in charts:
        assert content.startswith(starts[kind])
    if kind == "png":
        for _, content in charts:
            assert min(Image.open(io.BytesIO(content)).size) >= 400


@pytest.mark.parametrize(
    ("sizes", "nodes", "columns"),
    [
        ([4, 3, 2], 9, [0, 1, 2]),
        ([784, 30, 10], 30 + 6, [0, 1, 2]),
        ([784, *[500] * 20, 10], 12 * 10 + 11 * 3 + 3, [*range(6), *range(7, 13)]),
    ],
)
def test_a_network_is_drawn_as_columns_of_nodes(sizes, nodes, columns):
    """Of a large layer ten nodes and three dots, of a deep network twelve columns and three."""
    layers = [(f"layer {k}", size) for k, size in enumerate(sizes)]
    (axes,) = draw_network(layers).axes

    drawn = [text for text in axes.texts if text.get_text()]
    assert [text.get_position()[0] for text in drawn] == columns
    assert drawn[0].get_text() == f"layer 0\n{sizes[0]}"
    assert drawn[-1].get_text() == f"layer {len(sizes) - 1}\n{sizes[-1]}"
    points = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert sum(len(c.get_offsets()) for c in points) == nodes


def test_learning_curves_show_the_history():
    """Loss on the left, accuracy on the right; the figures are those of the history."""
    history = history_of(names_of(4))
    loss, accuracy = history_charts.draw_learning_curves(history).axes

    assert loss.get_ylabel() == "loss"
    assert accuracy.get_ylabel() == "accuracy"
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), history.scalars["val_loss"])
    np.testing.assert_array_equal(accuracy.lines[1].get_ydata(), history.scalars["val_accuracy"])


def test_lines_by_class_show_the_history_and_can_be_told_apart():
    """Each class its own colour and style; the label says the last value."""
    history = history_of(names_of(10))
    (axes,) = history_charts.draw_by_class(history, "recall").axes

    recall = np.array(history.per_class["val"]["recall"])
    looks = {(to_hex(line.get_color()), line.get_linestyle()) for line in axes.lines}
    assert len(looks) == 10
    for k, line in enumerate(axes.lines):
        np.testing.assert_array_equal(line.get_ydata(), recall[:, k])
        assert line.get_label() == f"{recall[-1, k]:.3f}  class {k}"


def test_a_line_along_the_lowest_tick_is_above_the_axis():
    """Of two classes, each recalled half of the time in every epoch."""
    history = History("a run", names_of(2), segments=[Segment((1, 0))])
    labels, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    predictions = Predictions(labels, predicted, np.eye(2, dtype=np.float32)[predicted], 0.1)
    tally = Tally(1.5, confusion_matrix(labels, predicted, 2))
    for epoch in (1, 2):
        record = EpochRecord(epoch, 0.01, tally, predictions)
        history.append(epoch_figures(record, load_config({}, {}).metrics), seconds=1.0)
    (axes,) = history_charts.draw_by_class(history, "recall").axes

    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.5, 0.5])
    assert axes.get_ylim()[0] < 0.5


def test_of_a_hundred_classes_the_worst_are_named():
    """Seven in colour, the rest in grey behind them."""
    history = history_of(names_of(100))
    (axes,) = history_charts.draw_by_class(history, "recall").axes

    worst = sorted(np.argsort(history.per_class["val"]["recall"][-1], kind="stable")[:7])
    labels = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert len(labels) == 8
    assert labels[-1] == "the 93 better classes"
    assert [label.split("  ")[1] for label in labels[:7]] == [f"class {k}" for k in worst]


def test_every_precision_recall_curve_is_drawn_in_steps():
    """Between its points it is not a slope: the grey ones neither."""
    report = report_of(names_of(30))
    axes = evaluation_charts.draw_pr(report, report.predictions).axes[0]

    assert {line.get_drawstyle() for line in axes.lines if len(line.get_xdata())} == {"steps-pre"}


def test_bars_show_precision_and_recall_side_by_side():
    """With the class's name on the axis, and its interval."""
    report = report_of(names_of(5))
    (axes,) = evaluation_charts.draw_precision_recall(report).axes

    entries = report.classes
    widths = [bar.get_width() for bar in axes.patches]
    assert widths == [e.precision for e in entries] + [e.recall for e in entries]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(names_of(5))
    drawn = axes.containers[1].lines[2][0].get_segments()[0][:, 0]
    np.testing.assert_allclose(drawn, entries[0].precision_ci)


def test_the_confusion_matrix_has_every_count():
    """True classes down, predicted ones across."""
    report = report_of(names_of(3))
    axes = evaluation_charts.draw_confusion_matrix(report).axes[0]

    counts = np.zeros((3, 3), int)
    for text in axes.texts:
        x, y = text.get_position()
        counts[int(y), int(x)] = int(text.get_text())
    np.testing.assert_array_equal(counts, report.confusion_matrix)


def test_of_two_classes_only_the_second_has_curves():
    """The first's say the same again."""
    report = report_of(("stay", "leave"))
    axes = evaluation_charts.draw_roc(report, report.predictions).axes[0]

    labels = [line.get_label() for line in axes.lines if not line.get_label().startswith("_")]
    assert len(labels) == 1
    assert labels[0].endswith("leave")


def test_the_threshold_chart_shows_what_every_threshold_gives():
    """Read off at some, the one in use among them, as counting at it says."""
    report = report_of(("stay", "leave"), threshold=0.3)
    (axes,) = evaluation_charts.draw_threshold(report, report.predictions).axes
    labels, scores = report.predictions.labels, report.predictions.probabilities[:, 1]
    *lines, used = axes.lines

    assert [line.get_label() for line in lines] == ["precision", "recall", "F1"]
    assert used.get_xdata() == [0.3, 0.3]
    for threshold in (0.0, 0.1, 0.3, 0.5, 0.9, scores.max()):
        called = scores > np.float32(threshold)
        counts = class_counts(confusion_matrix(labels, called.astype(int), 2))
        expected = [counts.precision[1], counts.recall[1], counts.f1[1]]
        # A step reaches from one score down to the next.
        drawn = [
            line.get_ydata()[np.searchsorted(line.get_xdata(), threshold, side="right")]
            for line in lines
        ]
        np.testing.assert_array_equal(drawn, expected)


def test_curves_of_very_many_rows_are_drawn_as_fine_as_a_picture():
    """What is left out lies within half a thousandth of what is drawn."""
    predictions = predictions_of(3, rows=12_000)
    report = make_report(predictions, names_of(3), split="test", checkpoint="epoch-0001")
    line = evaluation_charts.draw_roc(report, report.predictions).axes[0].get_lines()[0]
    x, y = line.get_data()
    truths, scores = predictions.labels == 0, predictions.probabilities[:, 0]
    fpr, tpr, _ = sklearn_metrics.roc_curve(truths, scores, drop_intermediate=False)

    assert len(x) < 0.8 * len(fpr)
    distance = np.abs(fpr[:, None] - x).clip(np.abs(tpr[:, None] - y)).min(axis=1)
    assert distance.max() <= 1.001 / evaluation_charts.CELLS


def test_a_threshold_chart_of_very_many_rows_is_drawn_as_fine_as_a_picture():
    """The same, of recall over the threshold."""
    predictions = predictions_of(2, rows=12_000)
    report = make_report(predictions, names_of(2), split="test", checkpoint="epoch-0001")
    x, y = (
        evaluation_charts.draw_threshold(report, report.predictions)
        .axes[0]
        .get_lines()[1]
        .get_data()
    )
    truths, scores = predictions.labels == 1, predictions.probabilities[:, 1]
    _, recall, thresholds = sklearn_metrics.precision_recall_curve(truths, scores)

    assert len(x) < 0.8 * len(thresholds)
    distance = np.abs(thresholds[:, None] - x).clip(np.abs(recall[:-1, None] - y)).min(axis=1)
    assert distance.max() <= 1.001 / evaluation_charts.CELLS


def test_of_a_thousand_classes_the_worst_are_shown():
    """A hundred of the lowest F1, in class order, in the table and as bars."""
    predictions = predictions_of(1000, rows=4000)
    report = make_report(predictions, names_of(1000), split="test", checkpoint="epoch-0001")
    f1 = np.array([entry.f1 for entry in report.classes])
    worst = [f"class {k}" for k in np.sort(np.argsort(f1, kind="stable")[:100])]

    stream = io.StringIO()
    print_report(report, stream)
    lines = stream.getvalue().splitlines()
    assert [line[:12].strip() for line in lines if line.startswith("class ")][1:] == worst
    assert "and 900 classes of no lower F1" in lines[102]
    axes = evaluation_charts.draw_precision_recall(report).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == worst
    assert axes.get_title().endswith("100 of 1,000, those of the lowest F1")
    axes = evaluation_charts.draw_confusion_matrix(report).axes[0]
    assert len(axes.get_xticks()) < 20
