"""Lines, live tables and results, as they are printed."""

from __future__ import annotations

import io
import os
import re

import numpy as np
import pytest
from conftest import facts_of
from epochs_and_reports import HOSTILE, figures_of, names_of, report_of
from rich.console import Console

from mtrain.config.loading.load import load_config
from mtrain.escape import inert
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.report import make_report
from mtrain.records.report import ThresholdChoice
from mtrain.records.training import EpochRecord, Predictions, Progress, Tally
from mtrain.report.console.live import LiveTable
from mtrain.report.console.plain import PlainLines
from mtrain.report.console.results import print_report
from mtrain.report.console.watch import watch
from mtrain.report.text import duration, figure, share

pytestmark = pytest.mark.renders


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

    (leave,) = [line.split() for line in text.splitlines() if line.startswith("leave")]
    assert leave[:5] == ["leave", "-", "0.000", "0.00-0.28", "0.000"]
    assert leave[-4:] == ["✗", "not", "learned", "10"]
    assert "accuracy 0.990 (x); always 'stay': accuracy 0.990" in text
    assert "Accuracy is no better than that of always answering 'stay'" in text
    line = "✗ leave: not learned: none of 10 found (0.5 was required): never predicted"
    assert line in text.splitlines()
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
        "Accuracy is worse than that of always answering 'a'",
        "? a: unproven: none of 2 found (0.5 was required), and of 1 called a, none are (0.5 was "
        "required); about 7 rows of it in all would decide",
        "? b: unproven: none of 1 found (0.5 was required), and of 2 called b, none are (0.5 was "
        "required); about 4 rows of it in all would decide",
        "Least learned: a (F1 0.00), most often taken for b (2 of 2)",
    ]


def test_of_many_classes_that_are_not_learned_the_first_are_named():
    """Twelve classes and one answer: five have a line each, the others one together."""
    lines = conclusions(range(12), [0] * 12, names_of(12))

    assert lines[1] == "Accuracy is no better than that of always answering 'class 0'"
    named = ", ".join(f"'class {k}'" for k in range(1, 9))
    reason = "unproven: none of 1 found (0.5 was required): never predicted"
    assert lines[2:7] == [
        f"? class {k}: {reason}; about 9 rows of it in all would decide" for k in range(1, 6)
    ]
    more = ", ".join(f"'class {k}'" for k in range(6, 11))
    assert lines[7] == f"? unproven: 12 classes in all, also {more}, 'class 11' and 'class 0'"
    assert (
        lines[8]
        == f"Undefined: precision of {named} and 3 more, never predicted; not in the macro average"
    )
    assert lines[9] == "Least learned: class 1 (F1 0.00), most often taken for class 0 (1 of 1)"
    assert len(lines) == 10


def test_good_results_say_nothing_more():
    """Better than the baseline, every class found, with enough rows to say so."""
    for n_classes in (2, 3):
        labels = np.repeat(range(n_classes), 20)
        _, *more = conclusions(labels, labels, names_of(n_classes))

        all_of = "both" if n_classes == 2 else "all 3"
        assert more == [f"✓ learned: {all_of} classes"]


def test_accuracy_of_a_single_class_says_little():
    """Always giving the right answer is no feat, nor is failing to beat it a fault."""
    assert conclusions([0, 0], [0, 0], ("a", "b"))[1] == (
        "Every row is of 'a': accuracy says little here"
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
            ThresholdChoice("recall", "val", 0.9, epoch=3, confidence=0.95),
            "'b' predicted above 0.25, the highest threshold that promises recall 0.9 with confidence "
            "0.95 on the validation split after epoch 3",
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
    ("chosen", "looks", "what", "allowed"),
    [
        (None, 1, "checkpoint", ""),
        (None, 20, "checkpoint", "; its verdicts allow for the choice among 20"),
        (ThresholdChoice("f1", "val"), 1, "threshold", "; its verdicts do not allow for that"),
        (
            ThresholdChoice("f1", "val"),
            20,
            "threshold",
            "; its verdicts allow for the choice among 20, not for the threshold",
        ),
        (ThresholdChoice("f1", "val", failed="x"), 1, "checkpoint", ""),
    ],
)
def test_what_was_chosen_on_a_split_is_named(chosen, looks, what, allowed):
    """A threshold that could not be chosen was not."""
    options = {"threshold": 0.5, "threshold_chosen": chosen, "selected": True, "looks": looks}
    lines = conclusions([0, 1], [0, 1], ("a", "b"), **options)

    assert lines[-1] == f"The {what} was chosen on this split: its figures are optimistic{allowed}"


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
    assert re.search(rf"{entry.recall:.3f} \d\.\d\d-\d", pipe.getvalue())


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
