from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from mtrain.cli.main import run
from mtrain.metrics.report import make_report
from mtrain.records.training import Predictions
from mtrain.report.console.results import print_files, print_report
from mtrain.run.files import write_csv

NAMES = ("Pullover", "Coat", "Shirt")


def report_of(confusion, names=NAMES):
    """Of predictions with this confusion matrix."""
    confusion = np.array(confusion)
    places = np.indices(confusion.shape).reshape(2, -1)
    labels, predicted = (np.repeat(place, confusion.ravel()) for place in places)
    probabilities = np.eye(len(names), dtype=np.float32)[predicted]
    predictions = Predictions(labels, predicted, probabilities, 0.1)
    return make_report(predictions, names, split="test", checkpoint="epoch-0001")


def last_line(confusion, names=NAMES):
    """Of what is said of them."""
    print_report(report_of(confusion, names), stream := io.StringIO())
    return stream.getvalue().splitlines()[-1]


@pytest.mark.parametrize(
    ("confusion", "line"),
    [
        (
            [[600, 342, 58], [100, 900, 0], [0, 0, 1000]],
            "Least learned: Pullover (F1 0.71), most often taken for Coat (342 of 1,000)",
        ),
        (
            [[0, 1, 9], [0, 10, 0], [0, 0, 10]],
            "Least learned: Pullover (F1 0.00), most often taken for Shirt (9 of 10)",
        ),
        (
            [[10, 0, 0], [6, 20, 0], [3, 0, 20]],
            "Least learned: Pullover (F1 0.69), all of its rows are found, but 9 rows of other "
            "classes are taken for it",
        ),
        (
            [[20, 0, 1], [4, 20, 0], [6, 0, 20]],
            "Least learned: Pullover (F1 0.78), for which 6 rows of Shirt are taken",
        ),
        # Nobody wears a pullover, so it cannot be the least learned, though one is predicted.
        (
            [[0, 0, 0], [1, 9, 0], [0, 0, 10]],
            "Least learned: Coat (F1 0.95), most often taken for Pullover (1 of 10)",
        ),
    ],
)
def test_the_last_line_says_which_class_is_least_learned(confusion, line):
    """And what its rows are taken for, or what is taken for it."""
    assert last_line(confusion) == line


def test_of_perfect_predictions_no_class_is_least_learned():
    """The verdicts are the last there is to say."""
    assert last_line(np.eye(3, dtype=int) * 20) == "✓ learned: all 3 classes"


def test_a_class_is_named_inertly():
    """Escapes do nothing."""
    line = last_line([[1, 1], [0, 2]], ("\x1b[31mred", "b"))

    assert line == r"Least learned: \x1b[31mred (F1 0.67), most often taken for b (1 of 2)"


@pytest.mark.parametrize(("folder", "lines"), [("run", 4), ("a long name of a run" * 3, 7)])
def test_what_does_not_fit_into_a_terminal_has_a_line_of_its_own(monkeypatch, folder, lines):
    """The path stays whole."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    report = report_of([[1, 1], [0, 2]], ("a", "b"))
    print_files(report, Path(folder), stream := Terminal())

    shown = stream.getvalue().splitlines()
    assert len(shown) == lines
    assert all(len(line) <= 80 or line.strip().endswith((".png", ".csv")) for line in shown)


def test_evaluate_says_which_files_to_open_first(finished_run, capsys):
    """A file a line; each of them is there."""
    assert run(["evaluate", str(finished_run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("Open first:")
    folder = finished_run / "evaluation" / "test"
    names = ("precision_recall.png", "confusion_matrix.png", "errors.csv")

    assert lines[at - 1].startswith("Least learned: ")
    for name, line in zip(names, lines[at + 1 :], strict=False):
        path, _, content = line.strip().partition("  ")
        assert path == str(folder / name)
        assert content
        assert (folder / name).is_file()
    assert lines[-1] == f"evaluation: {folder}"


def test_lists_of_suspects_are_named_where_they_have_a_row(tmp_path, capsys):
    """Labels of training that are flipped, and one of the test; without any, no list is named."""
    generator = np.random.default_rng(0)
    rows = [(number, number > 0) for number in generator.normal(size=300).round(3).tolist()]
    flipped = [(x, is_above != (k % 40 == 7)) for k, (x, is_above) in enumerate(rows)]
    write_csv(tmp_path / "train.csv", ["x", "label"], [(x, "ab"[label]) for x, label in flipped])
    write_csv(tmp_path / "test.csv", ["x", "label"], [(3.0, "b"), (2.5, "a"), (-3.0, "a")])
    dataset = {"name": "csv", "path": "train.csv", "test_path": "test.csv", "target": "label"}
    training = {"epochs": 10, "compile": "graph"}
    optimizer = {"learning_rate": 0.05}
    config = {"dataset": dataset, "training": training, "optimizer": optimizer}
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    out = tmp_path / "run"

    assert run(["fit", str(tmp_path / "c.yaml"), "--quiet", "--out", str(out)]) == 0

    lines = capsys.readouterr().out.splitlines()
    n = len((out / "suspects.csv").read_text().splitlines()) - 1
    at_test = out / "evaluation" / "test" / "suspects.csv"
    assert n > 1
    assert f"  {out / 'suspects.csv'}  {n} training rows whose label the network doubts" in lines
    assert f"  {at_test}  1 test row whose label the network doubts" in lines
    write_csv(tmp_path / "test.csv", ["x", "label"], [(3.0, "b"), (-3.0, "a")])
    assert run(["evaluate", str(out), "--data", str(tmp_path), "--out", str(tmp_path / "new")]) == 0
    assert "suspects.csv" not in capsys.readouterr().out
