"""The table of slices on a console."""

from __future__ import annotations

import io

import numpy as np

from mtrain.metrics.report import make_report
from mtrain.metrics.slices import make_slices
from mtrain.records.requirement import Requirement
from mtrain.records.slice_rows import SliceRows
from mtrain.records.training import Predictions
from mtrain.report.console.slices import print_slices


def slices_of(values, names, wrong=0.3):
    """Of 20 rows a value, more of them wrong from value to value."""
    n_classes, rows = len(names), 20 * len(values)
    labels = np.arange(rows) % n_classes
    shares = np.repeat(np.linspace(wrong, 0.9, len(values)), 20)
    is_wrong = np.random.default_rng(0).random(rows) < shares
    predicted = np.where(is_wrong, (labels + 1) % n_classes, labels)
    probabilities = np.eye(n_classes, dtype=np.float32)[predicted]
    predictions = Predictions(labels, predicted, probabilities, 0.5)
    parts = [SliceRows(value, np.arange(20 * k, 20 * k + 20)) for k, value in enumerate(values)]
    report = make_report(predictions, names, split="test", checkpoint="epoch-0001")
    required = [Requirement()] * n_classes
    return make_slices("region", parts, predictions, names, required=required, of=report)


def printed(slices, encoding="utf-8"):
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding)
    print_slices(slices, stream)
    stream.flush()
    return buffer.getvalue().decode(encoding)


def test_of_many_slices_those_of_the_lowest_accuracy_are_listed():
    slices = slices_of([f"r{k}" for k in range(40)], ("a", "b"))
    table = printed(slices).partition("region ")[2].splitlines()

    accuracies = [float(line.split()[2]) for line in table[1:31]]
    assert accuracies == sorted(accuracies)
    assert accuracies == [round(x, 3) for x in sorted(one.accuracy for one in slices.slices)[:30]]
    assert table[31].strip() == "and 10 slices of no lower accuracy"


def test_classes_that_are_not_learned_are_named_or_counted():
    """Two of a verdict are named."""
    two = printed(slices_of(["x", "y"], ("a", "b")))
    many = printed(slices_of(["x", "y"], tuple("abcde")))

    assert "? a, b" in two
    assert "? 5 classes" in many


def test_values_and_classes_run_nothing_in_a_terminal():
    """Control characters are escaped, and markup is text."""
    said = printed(slices_of(["\x1b[31mred", "[bold]x", "z"], ("\x1b]0;a\x07", "[red]b")))

    assert "\x1b" not in said
    assert "\x07" not in said
    assert "[bold]x" in said
    assert "[red]b" in said


def test_a_narrow_terminal_leaves_the_last_columns_out(monkeypatch):
    """And says so."""
    monkeypatch.setenv("COLUMNS", "50")
    said = printed(slices_of(["x", "y"], ("a", "b")))

    assert max(map(len, said.splitlines()[3:6])) <= 50
    assert "Left out: lowest recall, verdicts; a wider terminal" in " ".join(said.split())


def test_a_terminal_without_unicode_has_other_marks():
    assert "+ learned" in printed(slices_of(["x", "y"], ("a", "b"), wrong=0.0), "ascii")
