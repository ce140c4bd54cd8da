from __future__ import annotations

import io

import numpy as np
import pytest
from conftest import CONFIGS, facts_of
from rich.console import Console

from mtrain.config.loading.load import load_config
from mtrain.metrics.counts import class_counts
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.report import make_report
from mtrain.observer import Observer
from mtrain.records.run import Segment
from mtrain.records.training import EpochRecord, Predictions, Progress, Tally
from mtrain.report.console.live import LiveTable
from mtrain.report.console.results import print_report
from mtrain.report.text import change, figure, share
from mtrain.workflows.fit import fit

CLASSES = ("cat", "dog", "owl")
ROWS = 60


def confusion_of(*hits):
    """Of 20 rows a class so many are right; the others are taken for the next class."""
    confusion = np.diag(hits)
    for k, right in enumerate(hits):
        confusion[k, (k + 1) % len(hits)] += 20 - right
    return confusion


def predictions_of(confusion):
    places = np.indices(confusion.shape).reshape(2, -1)
    labels, predicted = (np.repeat(place, confusion.ravel()) for place in places)
    return Predictions(labels, predicted, np.eye(3, dtype=np.float32)[predicted], 0.5)


def figures_of(epoch, train, val=None):
    predictions = None if val is None else predictions_of(val)
    record = EpochRecord(epoch, 0.01, Tally(1.5, train), predictions)
    return epoch_figures(record, load_config({}, {}).metrics)


def progress_of(step, rows, *, epoch=1, steps=3, confusion=None):
    counted = confusion_of(20, 20, 20) if confusion is None else confusion
    return Progress(epoch, step, steps, rows, Tally(1.5, counted))


@pytest.fixture
def begin():
    """Makes a live table of a training of 60 rows that has begun."""
    tables = []

    def make(*, validated=False, history=None, **training):
        config = load_config({"training": {"epochs": 10, "batch_size": 20, **training}}, {})
        rows = dict.fromkeys(("train", "val", "test") if validated else ("train", "test"), ROWS)
        table = LiveTable(Console(file=io.StringIO(), force_terminal=True, width=80, height=30))
        table.begin(facts_of(CLASSES, config, history, **rows))
        tables.append(table)
        return table

    yield make
    for table in tables:
        table.trained(None)


@pytest.fixture
def clock(monkeypatch):
    """Sets the time that the table sees, in seconds."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def seen(table):
    """The lines of the display."""
    console = Console(file=io.StringIO(), width=80, height=30)
    console.print(table.picture())
    return console.file.getvalue().splitlines()


def row_of(table, name):
    """Precision, recall, F1, support and change of a class."""
    return next(line.split()[1:] for line in seen(table) if line.split()[:1] == [name])


@pytest.mark.parametrize("validated", [True, False])
def test_an_epoch_is_compared_with_the_one_before(begin, validated):
    """Not with itself: in the first epoch nothing is known, and the last keeps its change."""
    table = begin(validated=validated)
    first, second = confusion_of(10, 12, 14), confusion_of(20, 12, 15)
    f1 = [class_counts(confusion).f1 for confusion in (first, second)]
    for epoch, confusion in enumerate((first, second), 1):
        table.progress(progress_of(3, 60, epoch=epoch))
        figures = figures_of(epoch, confusion, confusion if validated else None)
        table.epoch(figures, 1.0)
        if epoch == 1:
            assert row_of(table, "cat")[4] == "-"
    table.trained(None)

    for k, name in enumerate(CLASSES):
        assert row_of(table, name)[2:] == [
            f"{f1[1][k]:.3f}",
            "20",
            f"{f1[1][k] - f1[0][k]:+.3f}",
        ]


def test_without_validation_an_epoch_under_way_is_compared_with_the_last(begin):
    """Its counts so far against those of the whole epoch before."""
    table = begin()
    table.epoch(figures_of(1, confusion_of(10, 10, 10)), 1.0)
    table.progress(progress_of(3, 60, epoch=2, confusion=confusion_of(20, 20, 20)))

    assert row_of(table, "cat")[2:] == ["1.000", "20", "+0.500"]


def test_before_the_first_validation_the_training_is_shown(begin):
    """Labelled as such; after it the table is of the validation alone."""
    table = begin(validated=True)
    training, validation = confusion_of(18, 10, 10), confusion_of(12, 10, 10)
    table.progress(progress_of(3, 60, confusion=training))
    lines = seen(table)
    assert lines[2].rstrip() == "training, until validation has figures"
    assert row_of(table, "cat")[1] == "0.900"

    table.epoch(figures_of(1, training, validation), 1.0)
    assert seen(table)[2].startswith("validation: loss 0.5, accuracy 0.533, after epoch 1")
    assert row_of(table, "cat")[1] == "0.600"
    table.progress(progress_of(1, 20, epoch=2, confusion=training))
    assert row_of(table, "cat")[1] == "0.600"


def test_compilation_is_no_part_of_the_speed(begin, clock):
    """The first 20 rows take 100 s, the next 40 take 4 s: 10 a second, and 540 are left."""
    table = begin()
    clock(100)
    table.progress(progress_of(1, 20))
    assert "samples/s" not in seen(table)[0]
    clock(104)
    table.progress(progress_of(3, 60))

    assert seen(table)[0].rstrip().endswith("10 samples/s, 54 s left")


def test_the_ragged_step_is_compiled_on_its_own(begin, clock):
    """The first one takes 50 s, which is no speed either."""
    table = begin(batch_size=25)
    for seconds, step, rows in ((100, 1, 25), (102.5, 2, 50), (152.5, 3, 60)):
        clock(seconds)
        table.progress(progress_of(step, rows))

    assert seen(table)[0].rstrip().endswith("10 samples/s, 54 s left")


def test_of_a_limited_epoch_only_its_own_rows_count(begin, clock):
    """With `steps_per_epoch` 2 an epoch has 40 of the 60 rows: 360 are left after the first."""
    table = begin(steps_per_epoch=2)
    for seconds, step, rows in ((100, 1, 20), (102, 2, 40)):
        clock(seconds)
        table.progress(progress_of(step, rows, steps=2))

    assert seen(table)[0].rstrip().endswith("10 samples/s, 36 s left")


def test_validation_is_part_of_the_time_left_alone(begin, clock):
    """At 10 rows a second 540 rows take 54 s, and nine validations 7 s each."""
    table = begin(validated=True)
    for seconds, step, rows in ((100, 1, 20), (104, 3, 60)):
        clock(seconds)
        table.progress(progress_of(step, rows))
    clock(111)
    table.epoch(figures_of(1, confusion_of(9, 9, 9), confusion_of(9, 9, 9)), 1.0)

    assert seen(table)[0].rstrip().endswith("10 samples/s, 1:57 left")


def test_a_resumed_training_is_timed_from_where_it_goes_on(begin, clock):
    """Nine epochs are done; of the tenth 40 rows are trained in 2 s after compilation."""
    table = begin()
    for seconds, step, rows in ((100, 1, 20), (102, 2, 40)):
        clock(seconds)
        table.progress(progress_of(step, rows, epoch=10))

    assert seen(table)[0].rstrip().endswith("10 samples/s, 2 s left")


@pytest.mark.parametrize("validated", [True, False])
def test_a_resumed_training_shows_where_it_is_before_its_first_step(begin, validated):
    """The sixth epoch of ten, and the figures of the fifth."""
    history = History("run", CLASSES, segments=[Segment((1, 0))])
    for epoch in range(1, 6):
        counted = confusion_of(10 + epoch, 12, 14)
        history.append(figures_of(epoch, counted, counted if validated else None), 1.0)
    f1 = [class_counts(confusion_of(10 + epoch, 12, 14)).f1[0] for epoch in (4, 5)]
    table = begin(validated=validated, history=history)
    lines = seen(table)

    assert lines[0].split()[:2] == ["epoch", "6/10"]
    assert lines[1].rstrip() == "compiling the training loop"
    assert lines[2].rstrip().endswith("after epoch 5" if validated else "training")
    assert row_of(table, "cat")[2:] == [f"{f1[1]:.3f}", "20", f"{f1[1] - f1[0]:+.3f}"]


def test_a_training_that_is_resumed_for_its_report_shows_its_last_epoch(begin):
    """There is no eleventh of ten."""
    history = History("run", CLASSES, segments=[Segment((1, 0))])
    for epoch in range(1, 11):
        history.append(figures_of(epoch, confusion_of(10, 12, 14)), 1.0)

    assert seen(begin(history=history))[0].split()[:2] == ["epoch", "10/10"]


class Listening(Observer):
    """Keeps what it is told before the first step."""

    def __init__(self):
        self.told = []

    def begin(self, facts):
        """Of the training, and of the epochs before."""
        self.told.append(list(facts.history.epoch))

    def saved(self, checkpoint):
        """Of a checkpoint."""
        self.told.append(checkpoint)

    def trained(self, why):
        """Of its end."""
        self.told.append(why)

    def end(self, outcome):
        """Of the end of all."""
        self.told.append(outcome)


def test_observers_are_told_what_a_run_resumes_from(tmp_path):
    """As it begins; then of its last checkpoint and its end."""
    settings = {"model.hidden": 8, "training.compile": "graph"}
    for epochs, before in ((2, []), (3, [1, 2])):
        config = load_config(CONFIGS / "smoke.yaml", {**settings, "training.epochs": epochs})
        observer = Listening()
        fit(config, out=tmp_path / "run", resume=True, report=False, observer=observer)
        assert observer.told == [before, f"epoch-000{epochs}", None, "finished"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (share(-0.0001), "0.000"),
        (share(-0.0), "0.000"),
        (share(-0.001), "-0.001"),
        (figure(-0.0), "0"),
        (figure(-0.25), "-0.25"),
        (change(-0.0001), "+0.000"),
        (change(0.0001), "+0.000"),
        (change(-0.25), "-0.250"),
        (change(float("nan")), "-"),
    ],
)
def test_no_zero_is_negative(text, expected):
    """What rounds to 0 is 0, whichever its sign."""
    assert text == expected


def test_a_custom_figure_of_minus_zero_is_zero_in_the_results():
    """As a metric of one's own may give."""
    report = make_report(
        predictions_of(confusion_of(20, 20, 20)),
        CLASSES,
        split="test",
        checkpoint="epoch-0001",
        figures={"bias": -0.0},
    )
    print_report(report, stream := io.StringIO())

    assert "bias 0\n" in stream.getvalue()
