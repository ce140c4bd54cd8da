from __future__ import annotations

import io
import os

import numpy as np
import pytest
from conftest import facts_of
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from PIL import Image
from rich.console import Console
from sklearn import metrics as sklearn_metrics

from mtrain.config.loading.load import load_config
from mtrain.escape import inert
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.report import make_report
from mtrain.records.report import ThresholdChoice
from mtrain.records.run import Segment
from mtrain.records.training import EpochRecord, Predictions, Progress, Tally
from mtrain.report.charts import evaluation as evaluation_charts
from mtrain.report.charts import history as history_charts
from mtrain.report.charts.network import draw_network
from mtrain.report.console.live import LiveTable
from mtrain.report.console.plain import PlainLines
from mtrain.report.console.results import print_report
from mtrain.report.console.watch import watch
from mtrain.report.text import duration, figure, share

pytestmark = pytest.mark.renders

HOSTILE = ("\x1b[31mred", "[/x]", r"$\frac$", "_x", "=cmd()", "\u202etfel", "é")


def predictions_of(classes, rows=400, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    probabilities = generator.dirichlet(np.ones(classes), rows).astype(np.float32)
    probabilities[np.arange(rows), labels] += generator.random(rows).astype(np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, 1.25)


def history_of(classes, epochs=3):
    """A history of random predictions, better in no way from epoch to epoch."""
    history = History("a run", classes, segments=[Segment((1, 0))])
    for epoch in range(1, epochs + 1):
        history.append(figures_of(len(classes), epoch), seconds=1.0)
    return history


def figures_of(classes, epoch=1, *, validated=True):
    predictions = predictions_of(classes, seed=epoch)
    confusion = confusion_matrix(predictions.labels, predictions.predicted, classes)
    record = EpochRecord(epoch, 0.01, Tally(1.5, confusion), predictions if validated else None)
    return epoch_figures(record, load_config({}, {}).metrics)


def report_of(names, **options):
    predictions = predictions_of(len(names))
    return make_report(predictions, names, split="test", checkpoint="epoch-0003", **options)


def names_of(count):
    return tuple(f"class {k}" for k in range(count))


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
    charts = [
        *history_charts.history_charts(history_of(names), kind),
        *evaluation_charts.evaluation_charts(report, report.predictions, kind),
    ]

    assert [name for name, _ in charts] == [
        f"{name}.{kind}"
        for name in (
            *("learning_curves", "precision_by_class", "recall_by_class"),
            *("precision_recall", "confusion_matrix", "roc", "pr"),
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


def rows_of(*, validated=True):
    return dict.fromkeys(("train", "val", "test") if validated else ("train", "test"), 400)


def observed(observer, names, *, epochs=2, validated=True, why=None):
    """Tell an observer of a whole training."""
    config = load_config({"training": {"epochs": epochs}}, {})
    observer.begin(facts_of(names, config, **rows_of(validated=validated)))
    for epoch in range(1, epochs + 1):
        figures = figures_of(len(names), epoch, validated=validated)
        confusion = np.eye(len(names), dtype=np.int64) * 4
        observer.progress(Progress(epoch, 13, 13, 400, Tally(1.5, confusion)))
        observer.epoch(figures, 1.5)
    observer.trained(why)


def test_plain_lines_are_one_an_epoch():
    """The device first; the worst classes named."""
    stream = io.StringIO()
    observed(PlainLines(stream), names_of(5), why="stopped by SIGINT, saved")
    lines = stream.getvalue().splitlines()

    assert lines[0] == "Device: CPU."
    assert lines[3].startswith("epoch 1/2; training: loss 1.5, accuracy 0.")
    assert "; validation: loss 1.25, accuracy 0." in lines[3]
    assert "; lowest recall: class " in lines[3]
    assert lines[-1] == "Training ended: stopped by SIGINT, saved."
    assert len(lines) == 6


def test_a_closed_pipe_does_not_stop_the_training(tmp_path):
    """`mtrain fit ... 2>&1 | head -1`: nobody reads on, and it goes on."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", buffering=1)
    os.close(reading)
    observed(watch(stream), names_of(3))
    with pytest.raises(BrokenPipeError):  # it was closed indeed
        stream.close()


def test_plain_lines_name_classes_never_predicted():
    """What one accuracy would hide."""
    observer = PlainLines(stream := io.StringIO())
    observer.begin(facts_of(("a", "b"), train=400, test=400))
    confusion = np.array([[990, 0], [10, 0]])
    record = EpochRecord(1, 0.1, Tally(0.1, confusion), None)
    observer.epoch(epoch_figures(record, load_config({}, {}).metrics), 1.0)

    assert (
        "accuracy 0.990; lowest recall: b 0.000, a 1.000; never predicted: b" in stream.getvalue()
    )


def live_lines(names, *, height=24, width=80, validated=True):
    """The last state that the live table leaves on a terminal of that size."""
    stream = io.StringIO()
    console = Console(
        file=stream, force_terminal=True, width=width, height=height, color_system=None
    )
    observed(LiveTable(console), names, validated=validated)
    return stream.getvalue().rsplit("epoch 2/2", 1)[1].splitlines()


def test_the_live_table_has_a_row_a_class():
    """In class order, with precision, recall, F1, support and the change of F1."""
    lines = live_lines(names_of(10))
    entries = figures_of(10, 2).counts["val"]

    assert lines[1].startswith("training: loss 1.5, accuracy 1.000")
    assert lines[2].startswith("validation: loss 1.25, accuracy 0.")
    assert lines[2].rstrip().endswith("after epoch 2")
    row = lines[4].split()
    assert row[:2] == ["class", "0"]
    assert row[2:5] == [f"{v[0]:.3f}" for v in (entries.precision, entries.recall, entries.f1)]
    before = figures_of(10, 1).counts["val"].f1[0]
    assert row[6] == f"{entries.f1[0] - before:+.3f}"
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_of_more_classes_than_rows_fit_those_of_lowest_recall_are_shown():
    """A hundred in 24 lines; the display never scrolls."""
    lines = [line for line in live_lines(names_of(100)) if line.strip()][:-1]  # cursor shown again

    recall = figures_of(100, 2).counts["val"].recall
    shown = [
        int(line.split()[1])
        for line in lines
        if line.lstrip().startswith("class ") and line.split()[1].isdigit()
    ]
    assert shown == sorted(np.argsort(recall, kind="stable")[: len(shown)].tolist())
    assert len(shown) == 18
    assert lines[-1].strip() == "and 82 classes of higher recall"
    assert len(lines) <= 23


def test_without_validation_the_live_table_shows_training():
    """Labelled as such."""
    assert live_lines(names_of(3), validated=False)[2].strip() == "training"


class Terminal(io.StringIO):
    """Claims to be one."""

    def isatty(self):
        """As a terminal would say."""
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "kind"),
    [
        (Terminal(), {"TERM": "xterm"}, LiveTable),
        (Terminal(), {"TERM": "dumb"}, PlainLines),
        (Terminal(), {"TERM": "xterm", "CI": "true"}, PlainLines),
        (io.StringIO(), {"TERM": "xterm"}, PlainLines),
    ],
)
def test_the_table_is_for_terminals_that_can(monkeypatch, stream, environment, kind):
    """Elsewhere plain lines."""
    monkeypatch.delenv("CI", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert type(watch(stream)) is kind


def test_no_color_is_honoured(monkeypatch):
    """By the live table on a terminal: a class never found is red elsewhere."""
    for name, escapes in (("", True), ("1", False)):
        monkeypatch.setenv("NO_COLOR", name)
        console = Console(file=(stream := io.StringIO()), force_terminal=True, width=80)
        table = LiveTable(console)
        table.begin(facts_of(("a", "b"), train=400, test=400))
        table.progress(Progress(1, 1, 1, 4, Tally(0.1, np.array([[2, 0], [2, 0]]))))
        table.trained(None)
        assert ("\x1b[31m" in stream.getvalue()) == escapes


def test_results_show_the_baseline_and_what_was_not_learned():
    """990 stay, 10 leave, and nobody is said to leave."""
    labels = np.repeat([0, 1], [990, 10])
    probabilities = np.tile(np.array([[0.9, 0.1]], np.float32), (1000, 1))
    predictions = Predictions(labels, np.zeros(1000, np.int64), probabilities, 0.1)
    report = make_report(predictions, ("stay", "leave"), split="val", checkpoint="x", selected=True)
    print_report(report, stream := io.StringIO())
    text = stream.getvalue()

    assert ["leave", "-", "0.000", "[0.00,", "0.28]", "0.000", "10"] in map(
        str.split, text.splitlines()
    )
    assert "accuracy 0.990 (x); always 'stay': accuracy 0.990" in text
    assert "Accuracy is no better than that of always answering 'stay'." in text
    assert "Never predicted: 'leave', though 10 rows are of it" in text
    assert "Undefined: precision of 'leave', never predicted; not in the macro average" in text
    assert "chosen on this split" in text


def conclusions(labels, predicted, names, **options):
    """What is said below the table."""
    labels, predicted = np.array(labels), np.array(predicted)
    probabilities = np.eye(len(names), dtype=np.float32)[predicted]
    predictions = Predictions(labels, predicted, probabilities, 0.1)
    report = make_report(predictions, names, split="val", checkpoint="x", **options)
    print_report(report, stream := io.StringIO())
    return stream.getvalue().partition("macro average")[2].splitlines()[1:]


def test_a_class_that_is_never_right_is_told_from_one_never_predicted():
    """Two classes, each taken for the other; worse than either answer."""
    lines = conclusions([0, 0, 1], [1, 1, 0], ("a", "b"))

    assert lines[1:] == [
        "Accuracy is worse than that of always answering 'a'.",
        "Never rightly predicted: 'a' and 'b', though 3 rows are of them",
        "Least learned: a (F1 0.00), most often taken for b (2 of 2)",
    ]


def test_of_many_classes_that_are_not_learned_the_first_are_named():
    """Twelve classes and one answer: a line for all that is alike."""
    lines = conclusions(range(12), [0] * 12, names_of(12))

    assert lines[1] == "Accuracy is no better than that of always answering 'class 0'."
    named = ", ".join(f"'class {k}'" for k in range(1, 9))
    assert lines[2] == f"Never predicted: {named} and 3 more, though 11 rows are of them"
    assert (
        lines[3]
        == f"Undefined: precision of {named} and 3 more, never predicted; not in the macro average"
    )
    assert lines[4] == "Least learned: class 1 (F1 0.00), most often taken for class 0 (1 of 1)"
    assert len(lines) == 5


def test_good_results_say_nothing_more():
    """Better than the baseline, every class found."""
    assert len(conclusions([0, 1, 1], [0, 1, 1], ("a", "b"))) == 1
    assert len(conclusions([0, 1, 2], [0, 1, 2], names_of(3))) == 1


def test_accuracy_of_a_single_class_says_little():
    """Always giving the right answer is no feat, nor is failing to beat it a fault."""
    assert conclusions([0, 0], [0, 0], ("a", "b"))[1] == (
        "Every row is of 'a': accuracy says little here."
    )


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (None, "'b' predicted above 0.25"),
        (
            ThresholdChoice("f1", "val", epoch=3),
            "'b' predicted above 0.25, the threshold of the best F1 on the validation split after "
            "epoch 3",
        ),
        (
            ThresholdChoice("recall", "val", 0.9, epoch=3),
            "'b' predicted above 0.25, the highest threshold that reaches recall 0.9 on the "
            "validation split after epoch 3",
        ),
        (
            ThresholdChoice("precision", "val", 0.9, failed="no epoch is done yet"),
            "'b' predicted above 0.25, not at the lowest threshold that reaches precision 0.9 on "
            "the validation split: no epoch is done yet",
        ),
    ],
)
def test_results_say_how_the_threshold_was_chosen(chosen, line):
    """Or why it was not."""
    lines = conclusions([0, 1], [0, 1], ("a", "b"), threshold=0.25, threshold_chosen=chosen)

    assert lines[0] == line


@pytest.mark.parametrize(
    ("chosen", "what"),
    [
        (None, "checkpoint"),
        (ThresholdChoice("f1", "val"), "threshold"),
        (ThresholdChoice("f1", "val", failed="x"), "checkpoint"),
    ],
)
def test_what_was_chosen_on_a_split_is_named(chosen, what):
    """A threshold that could not be chosen was not."""
    options = {"threshold": 0.5, "threshold_chosen": chosen, "selected": True}
    lines = conclusions([0, 1], [0, 1], ("a", "b"), **options)

    assert lines[-1] == f"The {what} was chosen on this split: its figures are optimistic."


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


def test_results_say_what_weighted_rows_come_to():
    """Two rows of a hundred count for as much as the others; they are the wrong ones."""
    labels = np.repeat([0, 1], 50)
    predicted = np.where(np.arange(100) % 50 == 0, 1 - labels, labels)
    probabilities = np.eye(2, dtype=np.float32)[predicted]
    weights = np.where(labels == predicted, 1.0, 49.0)
    predictions = Predictions(labels, predicted, probabilities, 0.1, weights)
    report = make_report(predictions, ("a", "b"), split="test", checkpoint="x")
    print_report(report, stream := io.StringIO())

    assert "accuracy 0.980 (x)" in stream.getvalue()
    assert (
        "By sample weight: accuracy 0.500; on average precision 0.500, recall 0.500, F1 0.500"
        in stream.getvalue()
    )


def test_results_fit_narrow_terminals_and_are_whole_in_a_pipe(monkeypatch):
    """Names give way before numbers do; a pipe has no width."""
    names = ("a rather long name of a class, longer than a line has room for", "b")
    monkeypatch.setenv("COLUMNS", "44")
    print_report(report_of(names), narrow := io.StringIO())
    monkeypatch.delenv("COLUMNS")
    print_report(report_of(names), pipe := io.StringIO())

    assert all(len(line) <= 44 for line in narrow.getvalue().splitlines()[:5])
    entry = report_of(names).classes[0]
    assert f"{entry.recall:.3f}" in narrow.getvalue()
    assert names[0] in pipe.getvalue()
    assert f"{entry.recall:.3f} [" in pipe.getvalue()


def test_a_narrow_live_table_keeps_precision_recall_and_f1():
    """In 45 columns."""
    lines = live_lines(names_of(3), width=45)

    assert lines[3].split() == ["class", "precision", "recall", "F1"]
    assert "…" not in lines[4]


def test_names_are_inert_everywhere():
    """Escapes, markup and right-to-left marks do nothing to a terminal."""
    plain, live, results = io.StringIO(), Terminal(), io.StringIO()
    observed(PlainLines(plain), HOSTILE)
    observed(LiveTable(Console(file=live)), HOSTILE)
    print_report(report_of(HOSTILE), results)

    for stream in (plain, live, results):
        text = stream.getvalue()
        assert "\x1b[31mred" not in text
        assert "\u202e" not in text
    assert r"\x1b[31mred" in results.getvalue()
    assert "[/x]" in results.getvalue()


def test_numbers_as_they_are_shown():
    """Dashes for what is undefined."""
    assert share(None) == share(float("nan")) == figure(None) == "-"
    assert share(2 / 3) == "0.667"
    assert figure(1234.56) == "1235"
    assert [duration(s) for s in (0.123, 12, 185, 3723)] == ["0.12 s", "12 s", "3:05", "1:02:03"]
    assert inert("a\tb") == r"a\tb"


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
