from __future__ import annotations

import pytest

from mtrain.config.experiment.gates import Rule, parse_rule
from mtrain.config.loading.load import load_config
from mtrain.errors import SettingError, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recall >= 0.8", ("recall", None, True, 0.8, None)),
        ("Recall>=.8", ("recall", None, True, 0.8, None)),
        ("sensitivity > 8e-1", ("recall", None, True, 0.8, None)),
        ("recall[Shirt] >= 0.6", ("recall", "Shirt", True, 0.6, None)),
        ('f1["T-shirt/top"] < 0.6', ("f1", "T-shirt/top", False, 0.6, None)),
        ("precision[a[1] >= 2] >= 0.6", ("precision", "a[1] >= 2", True, 0.6, None)),
        ("worst(recall) >= 0.5", ("recall", None, True, 0.5, None)),
        ("macro_f1 >= 0.85", ("f1_macro", None, True, 0.85, None)),
        ("balanced_accuracy >= 0.85", ("recall_macro", None, True, 0.85, None)),
        ("accuracy >= baseline - 0.01", ("accuracy", None, True, -0.01, "baseline")),
        ("accuracy >= baseline+.05", ("accuracy", None, True, 0.05, "baseline")),
        ("f1 >= baseline", ("f1", None, True, 0.0, "baseline")),
        ("accuracy >= boosting - 0.01", ("accuracy", None, True, -0.01, "boosting")),
        ("f1[cat] >= logistic", ("f1", "cat", True, 0.0, "logistic")),
        ("f1-score >= 0.5", ("f1", None, True, 0.5, None)),
        ("calibration_error <= 0.05", ("calibration_error", None, False, 0.05, None)),
    ],
)
def test_a_rule_is_a_figure_and_its_limit(text, expected):
    assert parse_rule(text) == Rule(text, *expected)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("recall", "'recall' is not a rule; one is FIGURE >= LIMIT, as in recall >= 0.8"),
        ("", "'' is not a rule; one is FIGURE >= LIMIT, as in recall >= 0.8"),
        ("recal >= 0.8", "unknown figure 'recal'; did you mean 'recall'?"),
        ("recall == 0.8", "unknown comparison '=='; choose one of >=, >, <=, <"),
        (
            "recall >= nan",
            "the limit must be a number above 0 and below 1, or baseline, logistic, boosting, got nan",
        ),
        (
            "recall >= 80",
            "the limit must be a number above 0 and below 1, or baseline, logistic, boosting, got 80; did you mean 0.8?",
        ),
        (
            "recall >= 0",
            "the limit must be a number above 0 and below 1, or baseline, logistic, boosting, got 0",
        ),
        (
            "recall >= 1",
            "the limit must be a number above 0 and below 1, or baseline, logistic, boosting, got 1",
        ),
        ("recall >= baseline - x", "from the baseline it must be a number from 0 to 1, got x"),
        ("mean(recall) >= 0.5", "unknown function 'mean'; the only one is worst, of a figure"),
        ("worst(recall) <= 0.5", "the worst class is the lowest: write worst(...) >= LIMIT"),
        ("recall >= basline + 0.1", "unknown limit 'basline + 0.1'; did you mean 'baseline'?"),
        (
            "average_precision >= 0.5",
            "unknown figure 'average_precision'; did you mean 'precision'?",
        ),
        ("accuracy[a] >= 0.5", "accuracy is of all classes; of one are recall, precision, f1"),
        (
            "calibration_error <= baseline",
            "calibration_error has no baseline; its limit is a number",
        ),
        (
            "__import__('os').system('x') >= 1",
            "\"__import__('os').system('x') >= 1\" is not a rule; one is FIGURE >= LIMIT, as in "
            "recall >= 0.8",
        ),
    ],
)
def test_what_is_not_a_rule_says_what_is_wrong(text, problem):
    with pytest.raises(ValueError, match=r".") as raised:
        parse_rule(text)

    assert str(raised.value) == problem


def problems(gates):
    with pytest.raises(UsageError) as raised:
        load_config({"gates": gates}, {})
    return str(raised.value).splitlines()


def test_all_problems_of_gates_are_said_with_their_places():
    assert problems(["recal >= 0.5", "f1 >= 0.5", "accuracy >= 5"]) == [
        "config: gates[0]: unknown figure 'recal'; did you mean 'recall'?",
        "config: gates[2]: the limit must be a number above 0 and below 1, or baseline, logistic, boosting, got 5; did "
        "you mean 0.05?",
    ]


def test_rules_that_contradict_each_other_are_refused():
    """Of the same class, or of every class and one."""
    assert problems(["recall[a] >= 0.6", "recall <= 0.5", "recall >= 0.4", "recall>=.4"]) == [
        "config: gates[1]: recall <= 0.5 contradicts recall[a] >= 0.6",
        "config: gates[3]: recall>=.4 repeats recall >= 0.4",
    ]
    assert problems(["f1 >= baseline", "f1 < baseline - 0.1"]) == [
        "config: gates[1]: f1 < baseline - 0.1 contradicts f1 >= baseline"
    ]
    kept = ["recall[a] >= 0.6", "recall[b] <= 0.5", "accuracy >= 0.5", "accuracy <= 0.9"]
    assert load_config({"gates": kept}, {}).gates == tuple(kept)


def test_one_rule_needs_no_list():
    assert load_config({"gates": "recall >= 0.5"}, {}).gates == ("recall >= 0.5",)


def test_classes_of_gates_and_requirements_are_compared_with_those_of_the_data():
    """Nearest names, each with its key."""
    config = load_config(
        {
            "gates": ["recall[Shrit] >= 0.6", "recall[Coat] >= 0.5"],
            "evaluation": {"require": {"Coats": {"recall": 0.6}}},
        },
        {},
    )
    problems = SettingError(*config.class_conflicts(("Shirt", "Coat")))

    assert str(problems).splitlines() == [
        "evaluation.require.Coats: unknown class 'Coats'; did you mean 'Coat'?",
        "gates[0]: recall[Shrit] >= 0.6: unknown class 'Shrit'; did you mean 'Shirt'?",
    ]


def test_requirements_are_of_all_classes_or_of_one():
    """What one class does not set is as for all."""
    require = load_config(
        {"evaluation": {"require": {"recall": 0.8, "Shirt": {"precision": 0.6}}}}, {}
    ).evaluation.require

    assert (require.of("Coat").recall, require.of("Coat").precision) == (0.8, 0.5)
    assert (require.of("Shirt").recall, require.of("Shirt").precision) == (0.8, 0.6)


@pytest.mark.parametrize(
    ("require", "problem"),
    [
        (
            {"recal": 0.6},
            "recal: did you mean 'recall'? A class takes a mapping, such as {recall: 0.5}",
        ),
        ({"green": 0.6}, "green: a class takes a mapping, such as {recall: 0.5}, got 0.6"),
        ({"recall": 1}, "recall: must be below 1, got 1"),
        ({"Shirt": {"recal": 0.6}}, "Shirt.recal: unknown setting; did you mean 'recall'?"),
        ({"Shirt": {"recall": 80}}, "Shirt.recall: must be below 1, got 80"),
    ],
)
def test_mistakes_in_requirements_are_named(require, problem):
    with pytest.raises(UsageError) as raised:
        load_config({"evaluation": {"require": require}}, {})

    assert str(raised.value) == f"config: evaluation.require.{problem}"


def test_a_gate_that_fit_could_not_judge_is_refused():
    """Without predictions there is no calibration; always one class has no precision of others."""
    with pytest.raises(UsageError) as raised:
        load_config(
            {
                "gates": ["calibration_error <= 0.1", "precision >= baseline"],
                "evaluation": {"predictions": False},
            },
            {},
        )

    assert sorted(str(raised.value).splitlines()) == [
        "config: gates[0]: calibration_error <= 0.1: needs evaluation.predictions, which is false",
        "config: gates[1]: precision >= baseline: always predicting one class has no precision of the "
        "others; the baseline must be a run",
    ]
