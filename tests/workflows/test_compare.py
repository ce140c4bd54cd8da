from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import said
from conftest import ROOT
from jsonschema import Draft202012Validator
from sklearn.metrics import f1_score, recall_score
from written_evaluations import written_run

import mtrain
from mtrain.cli.main import run as command
from mtrain.statistics.paired import class_differences
from mtrain.statistics.pairs import pair

TRUTH = np.repeat([0, 1, 2], [100, 80, 60])


def mistaken(seed, share):
    """Predictions of which about `share` are wrong."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(len(TRUTH)) < share
    return np.where(wrong, (TRUTH + generator.integers(1, 3, len(TRUTH))) % 3, TRUTH)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs, `first` and `second`, of which the second is better; the current folder."""
    monkeypatch.chdir(tmp_path)
    written_run("first", TRUTH, mistaken(1, 0.4))
    written_run("second", TRUTH, mistaken(2, 0.1))
    return tmp_path


@pytest.mark.usefixtures("runs")
def test_figures_are_scikit_learns_and_findings_follow_from_adjusted_p_values():
    """Of each class; Holm over the three."""
    comparison = mtrain.compare("first", "second")
    first, second = mistaken(1, 0.4), mistaken(2, 0.1)
    raw = class_differences(pair(TRUTH, first, second, 3), "recall").p

    for k, one in enumerate(comparison.classes):
        assert one.recall.first == pytest.approx(recall_score(k == TRUTH, first == k))
        assert one.f1.difference == pytest.approx(
            f1_score(k == TRUTH, second == k) - f1_score(k == TRUTH, first == k)
        )
        assert one.recall.p == pytest.approx(raw[k])
    smallest = int(np.argmin(raw))
    assert comparison.classes[smallest].recall.p_adjusted == pytest.approx(3 * raw[smallest])
    assert {one.recall.finding for one in comparison.classes} == {"better"}
    assert comparison.averages.accuracy.finding == "better"


@pytest.mark.usefixtures("runs")
def test_the_first_sentence_is_the_one_that_people_understand(capsys):
    """How often both say the same, and which is right where they do not."""
    assert command(["compare", "first", "second"]) == 0
    first, second = mistaken(1, 0.4), mistaken(2, 0.1)
    differ = first != second
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == (
        f"The same prediction on {(~differ).sum()} of 240 rows; of the other {differ.sum()}, first "
        f"is right on {(first == TRUTH)[differ].sum()}, second on {(second == TRUTH)[differ].sum()}"
    )
    assert lines[-1].startswith("second is better than first on: a, b")


@pytest.mark.usefixtures("runs")
def test_the_table_is_whole_in_a_pipe_and_fits_narrow_terminals(capsys, monkeypatch):
    """A row a class and figure, and the averages; the second's value is left out first."""
    assert command(["compare", "first", "second"]) == 0
    wide = capsys.readouterr().out.splitlines()
    monkeypatch.setenv("COLUMNS", "80")
    assert command(["compare", "first", "second"]) == 0
    narrow = capsys.readouterr().out.splitlines()

    headings = ["class", "figure", "difference", "interval", "adjusted p", "finding", "first"]
    assert re.split(r"  +", wide[2]) == [*headings, "second"]
    assert [line.split()[0] for line in wide[3:12]] == [
        *("a", "precision", "F1", "b", "precision", "F1", "c", "precision", "F1")
    ]
    assert max(map(len, narrow)) <= 80
    assert any(line.startswith("Left out: ") for line in narrow)


@pytest.mark.usefixtures("runs")
def test_the_document_is_as_its_schema_says(capsys):
    """Of two runs; of three, a list of such."""
    schema = json.loads((ROOT / "docs" / "schemas" / "comparison.schema.json").read_text())
    validator = Draft202012Validator(schema)
    assert command(["compare", "first", "second", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    written_run("third", TRUTH, mistaken(3, 0.4))
    assert command(["compare", "first", "second", "third", "--json"]) == 0
    several = json.loads(capsys.readouterr().out)

    assert [error.message for error in validator.iter_errors(one)] == []
    assert (one["runs"], one["n"], one["split"]) == (["first", "second"], 240, "test")
    assert several["runs"] == ["first", "second", "third"]
    assert [error.message for error in validator.iter_errors(several)] == []
    assert not validator.is_valid(several | {"comparisons": [several["comparisons"][0], {}]})
    # Of six tests of recall, not of three, the smallest is multiplied by six.
    a = several["comparisons"][0]["classes"][0]["recall"]
    assert a["p_adjusted"] > one["classes"][0]["recall"]["p_adjusted"]


def test_no_worse_needs_a_margin(tmp_path, capsys):
    """Two runs that differ on few of many rows: nothing is shown, but within 0.05 much is."""
    truth = np.tile(TRUTH, 10)
    other = truth.copy()
    other[::150] = (other[::150] + 1) % 3
    first = written_run(tmp_path / "first", truth, truth)
    second = written_run(
        tmp_path / "second", truth, np.where(np.arange(len(truth)) % 151, truth, 0)
    )
    without, within = mtrain.compare(first, second), mtrain.compare(first, second, margin=0.05)

    assert without.classes[1].recall.finding == "not shown"
    assert within.classes[1].recall.finding == "no worse"
    assert without.margin is None
    assert within.margin == 0.05
    assert command(["compare", str(first), str(second), "--margin", "0.05"]) == 0
    out = capsys.readouterr().out
    assert "no worse: less than 0.05 below, shown at 5 %" in out
    assert "7 of 9 figures of classes are shown to be no worse" in out


def test_rows_are_matched_by_their_place_in_the_data(tmp_path):
    """In another order the comparison is the same."""
    order = np.random.default_rng(0).permutation(len(TRUTH))
    predicted = mistaken(2, 0.1)
    first = written_run(tmp_path / "first", TRUTH, mistaken(1, 0.4))
    second = written_run(tmp_path / "second", TRUTH, predicted)
    mixed = written_run(tmp_path / "mixed", TRUTH[order], predicted[order], rows=order)

    assert mtrain.compare(first, mixed).right == mtrain.compare(first, second).right


def test_rows_on_which_they_differ_are_listed_with_their_files(tmp_path, monkeypatch):
    """Row, truth, both predictions, and the file where rows are files; replaced by the next list."""
    monkeypatch.chdir(tmp_path)
    files = [f"{k}.png" for k in range(6)]
    written_run("first", [0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 0, 2], files=files)
    written_run("second", [0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 0, 2], files=files)
    for _ in range(2):
        mtrain.compare("first", "second", out="differ.csv")
    with Path("differ.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["row", "truth", "first", "second", "file"],
            ["1", "a", "b", "a", "1.png"],
            ["3", "b", "b", "c", "3.png"],
        ]


def test_a_file_of_something_else_is_not_replaced(runs, capsys):
    (runs / "notes.csv").write_text("my notes\n")
    status, text = said(capsys, "compare", "first", "second", "--out", "notes.csv")

    assert status == 2
    assert text == (
        "--out: notes.csv exists and does not hold rows of a comparison; name another file"
    )
    assert (runs / "notes.csv").read_text() == "my notes\n"
    status, text = said(capsys, "compare", "first", "second", "--out", "no/folder.csv")
    assert (status, text) == (1, "no/folder.csv: cannot be written: No such file or directory")


def test_a_split_that_chose_both_is_named(tmp_path, monkeypatch, capsys):
    """Or one of them."""
    monkeypatch.chdir(tmp_path)
    for name, selected in (("first", True), ("second", True), ("third", False)):
        written_run(name, TRUTH, mistaken(len(name), 0.3), split="val", selected=selected)
    assert command(["compare", "first", "second", "--split", "val"]) == 0
    assert "Both were chosen on this split: their figures are optimistic" in capsys.readouterr().out
    assert command(["compare", "third", "second", "--split", "val"]) == 0
    assert "second was chosen on this split: its figures are" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"classes": ("a", "c", "b")}, "its class 1 is 'c', that one has 'b'"),
        ({"classes": ("a", "b", "c", "d")}, "it has 4 classes, that one 3"),
        (
            {"sha256": "cd" * 32},
            "it is of other data, rows.csv (SHA-256 cdcdcdcd of all its files), that one of rows.csv "
            "(abababab)",
        ),
        (
            {"rows": np.arange(5, 245)},
            "it is of 240 other rows, that one of 240; 235 are in both",
        ),
    ],
)
@pytest.mark.usefixtures("runs")
def test_what_cannot_be_compared_is_refused_with_what_differs(options, problem, capsys):
    """Status 1 and one line."""
    written_run("other", TRUTH, mistaken(3, 0.2), **options)
    status, text = said(capsys, "compare", "first", "other")

    assert (status, text) == (1, f"other: cannot be compared with first: {problem}")


@pytest.mark.usefixtures("runs")
def test_what_is_not_an_evaluation_is_named(runs, capsys):
    """A missing run, one without evaluation or predictions, itself, another split or truth."""
    truth = TRUTH.copy()
    truth[0] = 2
    written_run("truth", truth, mistaken(3, 0.2))
    written_run("unkept", TRUTH, mistaken(3, 0.2), keeps_predictions=False)
    (written_run("bare", TRUTH, TRUTH) / "evaluation/test/metrics.json").unlink()
    written_run("validated", TRUTH, TRUTH, split="val")
    cases = {
        "nowhere": "nowhere: no such run; `mtrain fit` makes one",
        "first": "first: is compared with itself",
        "bare": "bare: has no evaluation on test; `mtrain evaluate bare` makes one",
        "unkept": "unkept/evaluation/test: has no predictions.npz; `mtrain evaluate unkept` makes one, "
        "unless the run has evaluation.predictions=false",
        "truth": "truth: 1 of its rows have another true class than in first",
        "validated/evaluation/val": "validated/evaluation/val: cannot be compared with first: it is "
        "of the val split, that one of test",
    }

    for name, problem in cases.items():
        assert said(capsys, "compare", "first", name) == (1, problem)
    assert said(capsys, "compare", "first") == (2, "compare: takes at least two runs")
    assert said(capsys, "compare", "first", "second", "--margin", "2") == (
        2,
        "--margin: must be a number between 0 and 1, got 2.0",
    )


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('"tp": ', '"tp": 1', "its tp of classes are not those of its confusion matrix"),
        ('"n": 240', '"n": 241', "its n is not the sum of its confusion matrix"),
    ],
)
def test_an_evaluation_changed_by_hand_is_refused(runs, capsys, before, after, problem):
    """Counts that do not add up."""
    path = runs / "second/evaluation/test/metrics.json"
    path.write_text(path.read_text().replace(before, after, 1))

    assert said(capsys, "compare", "first", "second") == (
        1,
        f"second/evaluation/test: was changed since it was made: {problem}",
    )


def test_predictions_of_another_evaluation_are_refused(runs, capsys):
    """The files of two evaluations, mixed."""
    other = (runs / "first/evaluation/test/predictions.npz").read_bytes()
    (runs / "second/evaluation/test/predictions.npz").write_bytes(other)

    assert said(capsys, "compare", "first", "second") == (
        1,
        "second/evaluation/test: was changed since it was made: the counts of predictions.npz are "
        "not those of metrics.json",
    )


def test_an_evaluation_of_an_earlier_checkpoint_is_refused(runs, capsys):
    """The run was trained further, and killed before it was evaluated again; its folder may be named."""
    (runs / "second/checkpoints/best").write_text("epoch-0007\n")
    status, text = said(capsys, "compare", "first", "second")

    assert status == 1
    assert text == (
        "second/evaluation/test: is an evaluation of epoch-0001, and the run's checkpoint is now "
        "epoch-0007; `mtrain evaluate second` makes one"
    )
    assert command(["compare", "first", "second/evaluation/test"]) == 0


def test_a_folder_of_another_split_is_refused(runs, capsys):
    """Where the split is asked for."""
    folder = "second/evaluation/test"
    assert said(capsys, "compare", "first/evaluation/test", folder, "--split", "val") == (
        2,
        "--split: first/evaluation/test is of the test split",
    )
    link = runs / "linked"
    shutil.copytree(runs / folder, link)
    (link / "metrics.json").unlink()
    (link / "metrics.json").symlink_to(runs / folder / "metrics.json")
    assert said(capsys, "compare", "first", "linked") == (
        1,
        "linked/metrics.json: is a symbolic link; a run must not have one",
    )


def test_the_mistakes_of_a_run_are_not_replaced(runs, capsys):
    """errors.csv begins like the list of rows that differ."""
    errors = runs / "second/evaluation/test/errors.csv"
    before = errors.read_bytes()
    status, _ = said(capsys, "compare", "first", "second", "--out", errors)

    assert (status, errors.read_bytes()) == (2, before)


def test_a_name_that_is_not_utf_8_is_printed_inertly(runs, capsys):
    """Also as JSON, which could not hold it."""
    name = os.fsdecode(b"caf\xe9")
    (runs / "second").rename(runs / name)

    assert command(["compare", "first", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs"][1] == r"caf\udce9"


def test_one_row_and_classes_without_rows_are_compared(tmp_path):
    """Nothing is shown, nothing fails."""
    first = written_run(tmp_path / "first", [0], [0])
    second = written_run(tmp_path / "second", [0], [1])
    comparison = mtrain.compare(first, second)

    assert comparison.right.first == 1
    assert comparison.averages.accuracy.p == 0.5
    assert comparison.classes[2].recall.first is None
    assert {one.recall.finding for one in comparison.classes} == {"not shown"}


def test_an_average_that_is_not_compared_has_no_interval(tmp_path, capsys):
    """The macro precision of a run that gave a class up: null in the document, as its schema says."""
    first = written_run(tmp_path / "first", TRUTH, mistaken(1, 0.2))
    second = written_run(tmp_path / "second", TRUTH, np.where(TRUTH == 2, 0, TRUTH))
    assert command(["compare", str(first), str(second), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    schema = json.loads((ROOT / "docs" / "schemas" / "comparison.schema.json").read_text())

    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []
    precision = document["averages"]["precision_macro"]
    assert (precision["ci"], precision["p"], precision["finding"]) == (None, None, "not shown")


def test_tensorflow_is_not_imported(runs):
    """Nor anything else that takes seconds."""
    code = (
        "import sys, mtrain\n"
        "mtrain.compare('first', 'second')\n"
        "mtrain.gate('first', 'recall >= 0.5', baseline='second')\n"
        "print({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=runs, capture_output=True, text=True, check=True
    )

    assert done.stdout == "set()\n"
