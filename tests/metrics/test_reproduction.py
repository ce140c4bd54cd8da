from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mtrain.metrics.report import make_report
from mtrain.metrics.reproduced_figures import judge, judge_figures
from mtrain.metrics.reproduction import compare_environments, compare_results
from mtrain.records.reproduction import (
    CheckpointContent,
    Difference,
    FileComparison,
    ReproducedFigure,
    RunContent,
)
from mtrain.records.training import Predictions

IDENTITY = {"versions.numpy": "2.4.6", "threads": 1, "data.sha256": "ab", "flags.XLA_FLAGS": None}


def content(weights=(1.0, 2.0), losses=(0.5, 0.4), name="epoch-0002", **changes):
    arrays = {"model/kernel": np.array(weights, np.float32)}
    recall = np.array([(0.5, float("nan"))] * len(losses))
    run = RunContent(
        "run",
        IDENTITY,
        checkpoints={"last": CheckpointContent(name, arrays)},
        epochs=len(losses),
        classes=("a", "b"),
        columns={"history.loss": np.array(losses), "per_class.train.recall": recall},
        evaluations={},
    )
    return replace(run, **changes)


def differences(first, second):
    return [one for file in compare_results(first, second) for one in file.differences]


def test_a_run_is_equal_to_itself():
    """Undefined figures are equal, too."""
    assert differences(content(), content()) == []
    assert compare_environments(content(), content()).is_equal


def test_one_bit_of_a_weight_is_a_difference():
    """The next float32, and the other zero, whose difference is 0."""
    next_float = float(np.nextafter(np.float32(2.0), np.float32(3.0)))
    (one,) = differences(content(), content(weights=(1.0, next_float)))
    (zero,) = differences(content(weights=(0.0, 2.0)), content(weights=(-0.0, 2.0)))

    assert one == Difference("model/kernel", values=1, largest=2.0**-22)
    assert zero == Difference("model/kernel", values=1, largest=0.0)


def test_arrays_of_other_shapes_have_both_shapes():
    (one,) = differences(content(), content(weights=(1.0, 2.0, 3.0)))

    assert (one.first, one.second, one.values) == ("float32 (2,)", "float32 (3,)", None)


def test_a_column_of_the_history_has_the_first_epoch_that_differs():
    (one,) = differences(content(losses=(0.5, 0.4, 0.3)), content(losses=(0.5, 0.45, 0.5)))

    assert (one.name, one.epoch, one.values) == ("history.loss", 2, 2)
    assert one.largest == pytest.approx(0.2)


def test_histories_of_other_lengths_are_compared_as_far_as_both_go():
    """After early stopping in another epoch; the checkpoints have other names."""
    listed = differences(content(losses=(0.5, 0.4, 0.3), name="epoch-0003"), content())

    assert listed == [Difference("name", "epoch-0003", "epoch-0002"), Difference("epoch", 3, 2)]


def test_a_checkpoint_that_only_one_run_has_is_a_problem():
    both = content().checkpoints
    (best, *_) = compare_results(content(checkpoints={"best": both["last"], **both}), content())

    assert (best.file, best.problem) == ("checkpoints/best", "is missing in run")
    assert not best.is_equal


def test_facts_of_the_environment_are_named():
    """Of equal value and another type, too; a flag that is not set is not there."""
    changed = IDENTITY | {"versions.numpy": "2.5.0", "threads": True, "code.own.py": "cd"}
    listed = compare_environments(content(), content(identity=changed)).differences

    assert listed == (
        Difference("versions.numpy", "2.4.6", "2.5.0"),
        Difference("threads", 1, second=True),
        Difference("code.own.py", None, "cd"),
    )


SAME = FileComparison("history.json", "columns", 3, ())
OTHER = FileComparison("history.json", "columns", 3, (Difference("history.loss"),))
NOT_KEPT = FileComparison("evaluation/test/predictions.npz", "arrays", 0, (), "was not kept in run")
ENVIRONMENT = FileComparison("environment.json", "facts", 3, ())


def figure(difference=0.0, *, paired=None, limit=None):
    second = None if difference is None else 0.9 + difference
    return ReproducedFigure(
        "accuracy", None, 0.9, second, difference, paired, None, spread=None, limit=limit
    )


SMALL = figure(0.01, paired="not shown")
UNJUDGED = figure(0.01)

CASES = {
    "equal": ("equal", [SAME], []),
    "equal, and a file is missing": ("equal", [SAME, NOT_KEPT], []),
    "small, compared": ("no difference shown", [OTHER], [SMALL]),
    "large, compared": ("differs", [OTHER], [figure(-0.1, paired="worse")]),
    "better is a difference": ("differs", [OTHER], [figure(0.1, paired="better")]),
    "neither": ("not judged", [OTHER, NOT_KEPT], [figure(), UNJUDGED]),
    "the same figures": ("no difference shown", [OTHER, NOT_KEPT], [figure()]),
    "undefined in one": ("no difference shown", [OTHER], [figure(None, paired="not shown")]),
    "undefined in one, not compared": ("not judged", [OTHER], [figure(None)]),
}

SEEDS_CASES = {
    "within the limit": ("within the spread", [figure(-0.1, paired="worse", limit=0.1)]),
    "beyond the limit": ("differs", [figure(0.01, paired="not shown", limit=0.005)]),
    "the seeds are equal": ("not judged", [figure(0.01, limit=0.1), UNJUDGED]),
    "the seeds are equal, so is the figure": ("within the spread", [figure()]),
    "the seeds are equal, compared": ("within the spread", [figure(0.01, limit=0.1), SMALL]),
    "the seeds are equal, and it is better": ("differs", [figure(), figure(0.2, paired="better")]),
    "undefined in one": ("not judged", [figure(None, limit=0.1)]),
    "the seeds are equal, only compared": ("no difference shown", [figure(), SMALL]),
    "undefined in one, compared": (
        "no difference shown",
        [figure(None, paired="not shown", limit=0.1)],
    ),
    "one differs, another is not judged": ("differs", [figure(0.2, limit=0.1), UNJUDGED]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_outcome_is_of_the_comparison(case):
    """Without seeds; a file that was not compared is not a difference."""
    outcome, results, figures = CASES[case]

    assert judge(ENVIRONMENT, results, figures, is_spread_known=False) == outcome


@pytest.mark.parametrize("case", SEEDS_CASES)
def test_the_outcome_is_of_the_spread_if_it_is_known(case):
    """Every figure that differs has a limit or a paired finding, else the outcome is not judged."""
    outcome, figures = SEEDS_CASES[case]

    assert judge(ENVIRONMENT, [OTHER], figures, is_spread_known=True) == outcome


def report_of(predicted, names=("a", "b")):
    """Of four rows, two of each class."""
    predicted = np.array(predicted)
    probabilities = np.eye(2, dtype=np.float32)[predicted]
    predictions = Predictions(np.array([0, 0, 1, 1]), predicted, probabilities, loss=0.5)
    return make_report(predictions, names, split="test", checkpoint="epoch-0001")


def test_equal_seeds_without_predictions_judge_nothing():
    """Two of the four rows are right in the run, three in the reproduction, all four by each seed."""
    run, again, seed = (report_of(rows) for rows in ([0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 1, 1]))
    figures = judge_figures(run, again, None, [seed] * 3)
    accuracy = figures[0]

    assert (accuracy.first, accuracy.second) == (0.5, 0.75)
    assert (accuracy.spread, accuracy.limit, accuracy.paired) == (0.0, None, None)
    assert judge(ENVIRONMENT, [OTHER], figures, is_spread_known=True) == "not judged"


def test_a_class_that_only_one_run_has_is_not_judged():
    run, again = report_of([0, 0, 1, 1]), report_of([0, 0, 1, 1], names=("a", "c"))
    figures = judge_figures(run, again, None, [])
    recalls = {one.class_name: (one.first, one.second) for one in figures if one.name == "recall"}

    assert recalls == {"a": (1.0, 1.0), "b": (1.0, None), "c": (None, 1.0)}
    assert judge(ENVIRONMENT, [OTHER], figures, is_spread_known=False) == "not judged"


@pytest.mark.parametrize("name", ["data.sha256", "splits.train"])
def test_other_data_come_before_any_judgement(name):
    """Even where all results are equal."""
    environment = replace(ENVIRONMENT, differences=(Difference(name, "a", "b"),))

    for result in (SAME, OTHER):
        outcome = judge(environment, [result], [], is_spread_known=True)
        assert outcome == "other data"
