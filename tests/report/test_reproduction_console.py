"""A reproduction on the console."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from mtrain.records.comparison import AverageComparison, Comparison, Right
from mtrain.records.figure_comparison import FigureComparison
from mtrain.records.reproduction import (
    Difference,
    FileComparison,
    ReproducedFigure,
    Reproduction,
)
from mtrain.report.console.reproduction import print_reproduction

ENVIRONMENT = FileComparison(
    "environment.json",
    "facts",
    25,
    (
        *(Difference(f"versions.package{k}", f"1.{k}", f"2.{k}") for k in range(7)),
        Difference("flags.XLA_FLAGS", None, "a\x1b[31m"),
    ),
)
ARRAYS = FileComparison(
    "checkpoints/last",
    "arrays",
    8,
    (
        Difference("model/wide", "float32 (2,)", "float32 (3,)"),
        *(Difference(f"model/{k}", values=1000, largest=1.25e-7) for k in range(6)),
    ),
)
HISTORY = FileComparison(
    "history.json", "columns", 3, (Difference("history.loss", values=1, largest=0.5, epoch=2),)
)
EQUAL = FileComparison("evaluation/test/metrics.json", "figures", 9, ())
MISSING = FileComparison("evaluation/test/predictions.npz", "arrays", 0, (), "was not kept in run")


def figure(name, class_name, first, second, **judged):
    unknown = {"paired": None, "p_adjusted": None, "spread": None, "limit": None}
    difference = None if first is None or second is None else second - first
    return ReproducedFigure(name, class_name, first, second, difference, **(unknown | judged))


FIGURES = (
    figure("accuracy", None, 0.9, 0.91, paired="not shown", p_adjusted=0.5),
    figure("f1_macro", None, 0.9, 0.9),
    figure("recall", "a long name of a class", 0.5, 0.75, paired="better", p_adjusted=0.0001),
    figure("recall", "b", 0.8, 0.8),
    figure("precision", "b", None, 0.8),
)

SAME = FigureComparison(0.9, 0.9, 0.0, None, 1.0, 1.0, "not shown")
COMPARISON = Comparison(
    runs=("run", "again"),
    split="test",
    n=100,
    same=98,
    right=Right(90, 1, 1, 8),
    margin=None,
    selected=(False, False),
    classes=(),
    averages=AverageComparison(SAME, SAME, SAME, SAME),
)


@pytest.fixture
def differing():
    return Reproduction(
        runs=("run", "again"),
        outcome="differs",
        environment=ENVIRONMENT,
        results=(ARRAYS, HISTORY, EQUAL, MISSING),
        split="test",
        figures=FIGURES,
        comparison=COMPARISON,
        notes=("A note",),
    )


def printed(reproduction):
    stream = io.StringIO()
    print_reproduction(reproduction, stream)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_every_file_has_a_line_and_its_differences_below(differing):
    """All facts, a few arrays; names from a stranger's file are harmless."""
    lines = printed(differing)

    assert lines[0] == (
        "It differs: of 5 figures, 1 is shown to differ by the predictions of the same rows"
    )
    assert lines[1:3] == [
        "environment.json: 25 facts, 8 differ",
        "  versions.package0: was 1.0, is 2.0",
    ]
    assert lines[9:12] == [
        "  flags.XLA_FLAGS: was not there, is a\\x1b[31m",
        "checkpoints/last: 8 arrays, 7 differ",
        "  model/wide: was float32 (2,), is float32 (3,)",
    ]
    assert lines[12] == "  model/0: 1,000 values, largest difference 1.2e-07"
    assert lines[16:21] == [
        "  and 2 more",
        "history.json: 3 columns, 1 differs",
        "  history.loss: from epoch 2, 1 value, largest difference 0.5",
        "evaluation/test/metrics.json: 9 figures, all equal to the last bit",
        "evaluation/test/predictions.npz: not compared; it was not kept in run",
    ]


def test_the_figures_that_differ_have_a_row_with_what_judges_them(differing):
    lines = printed(differing)
    start = lines.index(
        "figures of the test split, judged by the paired comparison of the predictions"
    )

    assert [line.split() for line in lines[start + 1 : start + 6]] == [
        ["figure", "run", "reproduction", "difference", "finding", "adjusted", "p"],
        ["accuracy", "0.900", "0.910", "+0.010", "not", "shown", "0.500"],
        ["macro", "F1", "0.900", "0.900", "+0.000", "-", "-"],
        [
            *[
                "recall",
                "of",
                "a",
                "long",
                "name",
                "of",
                "a",
                "class",
                "0.500",
                "0.750",
                "+0.250",
                "better",
                "<0.001",
            ]
        ],
        ["precision", "of", "b", "-", "0.800", "-", "-", "-"],
    ]
    assert lines[start + 6 :] == [
        "The same prediction on 98 of 100 rows; of the other 2, run is right on 1, again on 1",
        "Other figures of classes are equal",
        "How far runs of other seeds are apart is not known; --seeds 5 measures it",
        "A note",
    ]


def test_a_figure_that_is_undefined_in_a_file_is_called_so(differing):
    """A fact or an array is not there."""
    undefined = Difference("classes[1].precision", None, 0.5)
    figures = replace(EQUAL, differences=(undefined, Difference("classes[2].f1", 0.25, None)))
    columns = replace(HISTORY, differences=(Difference("history.lr", "float64 (2,)", None),))
    lines = printed(replace(differing, results=(figures, columns)))

    assert "  classes[1].precision: was undefined, is 0.5" in lines
    assert "  classes[2].f1: was 0.25, is undefined" in lines
    assert "  history.lr: was float64 (2,), is not there" in lines


def test_with_a_spread_each_figure_is_within_its_limit_or_beyond(differing):
    """A figure without a limit keeps the finding of the comparison."""
    limited = tuple(replace(one, limit=0.1, spread=0.02) for one in FIGURES[:1])
    figures = (*limited, FIGURES[1], replace(FIGURES[2], limit=0.1, spread=0.02), FIGURES[4])
    lines = printed(replace(differing, figures=figures, seeds=(1, 2, 3), seeds_folder="seeds"))

    assert lines[0] == "It differs: of 4 figures, 1 is beyond the spread of 3 seeds"
    assert "figures of the test split, judged by the spread of 3 seeds" in lines
    rows = {line.split("  ")[0]: line.split() for line in lines}
    assert rows["accuracy"] == [
        "accuracy",
        "0.900",
        "0.910",
        "+0.010",
        "0.100",
        "within",
        "0.020",
        "0.500",
    ]
    assert rows["recall of a long name of a class"][-4:] == ["0.100", "beyond", "0.020", "<0.001"]
    assert not any("measures it" in line for line in lines)


def test_the_table_fits_a_narrow_terminal(differing, monkeypatch):
    """Columns of the least use are left out, and named."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = printed(differing)

    assert max(map(len, lines)) <= 60
    assert any(line.startswith("Left out: ") for line in lines)


def test_of_many_figures_those_that_are_shown_to_differ_are_listed(differing):
    many = tuple(figure("recall", f"class {k}", 0.5, 0.6, paired="not shown") for k in range(30))
    worst = figure("recall", "worst", 0.9, 0.1, paired="worse")
    lines = printed(replace(differing, figures=(*FIGURES[:2], *many, worst)))
    rows = [line for line in lines if line.startswith(("accuracy", "macro F1", "recall"))]

    assert [row.split("  ")[0] for row in rows] == ["accuracy", "macro F1", "recall of worst"]


LIMITED = {"limit": 0.1, "spread": 0.02}
WITHIN = figure("accuracy", None, 0.9, 0.95, paired="better", p_adjusted=0.01, **LIMITED)
BEYOND = figure("accuracy", None, 0.9, 0.5, paired="not shown", p_adjusted=0.3, **LIMITED)
WORSE = figure("f1_macro", None, 0.9, 0.8, paired="worse", p_adjusted=0.01)
SMALL = figure("f1_macro", None, 0.9, 0.89, paired="not shown", p_adjusted=0.7)
UNJUDGED = figure("f1_macro", None, 0.9, 0.8)
UNDEFINED = figure("precision", "b", None, 0.8)
UNCHANGED = figure("recall", "b", 0.8, 0.8)

PREDICTIONS = "the paired comparison of the predictions"
SPREAD = "the spread of 3 seeds"

JUDGED = {
    "predictions": (
        "differs",
        [WORSE, SMALL, WORSE],
        "It differs: of 3 figures, 2 are shown to differ by the predictions of the same rows",
        f"judged by {PREDICTIONS}",
    ),
    "spread": (
        "differs",
        [BEYOND, WITHIN, BEYOND],
        "It differs: of 3 figures, 2 are beyond the spread of 3 seeds",
        f"judged by {SPREAD}",
    ),
    "a figure without a limit": (
        "differs",
        [WORSE],
        "It differs: of 1 figure, 1 is shown to differ by the predictions of the same rows",
        f"judged by {PREDICTIONS}",
    ),
    "both": (
        "differs",
        [BEYOND, WITHIN, WORSE, WORSE, SMALL],
        "It differs: of 5 figures, 1 is beyond the spread of 3 seeds, and 2 are shown to differ by "
        "the predictions of the same rows",
        f"judged by {SPREAD} or, without a limit, {PREDICTIONS}",
    ),
    "within": (
        "within the spread",
        [WITHIN, UNCHANGED],
        "It differs, and every figure is within the spread of 3 seeds",
        f"judged by {SPREAD}",
    ),
    "within, or not shown": (
        "within the spread",
        [WITHIN, UNCHANGED, SMALL],
        "It differs; 2 of 3 figures are within the spread of 3 seeds, and no other is shown to differ "
        "by the predictions of the same rows",
        f"judged by {SPREAD} or, without a limit, {PREDICTIONS}",
    ),
    "neither": (
        "not judged",
        [WITHIN, UNCHANGED, UNJUDGED, UNDEFINED],
        "It differs, and 2 of 4 figures cannot be judged: the predictions of the two runs were not "
        "compared",
        f"judged by {SPREAD}",
    ),
    "not shown": (
        "no difference shown",
        [SMALL, UNCHANGED],
        "It differs, and no figure is shown to differ by the predictions of the same rows",
        f"judged by {PREDICTIONS}",
    ),
    "the same": (
        "no difference shown",
        [UNCHANGED, UNCHANGED],
        "It differs, but accuracy, macro F1, and recall and precision of each class are the same",
        "not judged",
    ),
}


@pytest.mark.parametrize("case", JUDGED)
def test_the_sentence_and_the_heading_say_what_judged(differing, case):
    """The spread of seeds, and the predictions for figures without a limit, are counted apart."""
    outcome, figures, sentence, heading = JUDGED[case]
    seeds = (1, 2, 3) if any(one.limit is not None for one in figures) else ()
    lines = printed(replace(differing, outcome=outcome, figures=tuple(figures), seeds=seeds))

    assert lines[0] == sentence
    assert f"figures of the test split, {heading}" in lines


@pytest.mark.parametrize(
    ("outcome", "results", "sentence"),
    [
        ("equal", (EQUAL,), "Equal to the last bit"),
        (
            "equal",
            (EQUAL, MISSING),
            "Equal to the last bit, but evaluation/test/predictions.npz was not compared",
        ),
        (
            "equal",
            (replace(MISSING, file="checkpoints/best"), MISSING),
            "Equal to the last bit, but checkpoints/best and evaluation/test/predictions.npz were not "
            "compared",
        ),
        (
            "other data",
            (EQUAL,),
            "The runs are of different data, and no spread of seeds explains that",
        ),
    ],
)
def test_the_outcome_comes_first(differing, outcome, results, sentence):
    assert printed(replace(differing, outcome=outcome, results=results))[0] == sentence
