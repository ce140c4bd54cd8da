"""What a sweep varies: values, ranges, draws, and the members made of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mtrain.config.loading.axes import Axis, Range, axis_labels, combinations, parse_axes
from mtrain.config.loading.load import load_config
from mtrain.config.loading.members import plan_sweep
from mtrain.errors import UsageError

DIGITS = {"name": "digits", "dataset": {"name": "digits"}}


def plan(*arguments, **how):
    overrides, axes = parse_axes(arguments)
    return plan_sweep(DIGITS, overrides, axes, **how)


def names(*arguments, **how):
    return [member.name for member in plan(*arguments, **how).members]


def problem(*arguments, **how):
    with pytest.raises(UsageError) as error:
        plan(*arguments, **how)
    return str(error.value)


def test_commas_outside_brackets_and_quotes_separate_values():
    overrides, axes = parse_axes(
        [
            "model.hidden=30,500x2,[20, 10]",
            "optimizer={name: sgd, momentum: 0.9},adam",
            "dataset.target='a,b',c",
            "training.epochs=5",
        ]
    )

    assert [axis.values for axis in axes] == [
        (30, "500x2", [20, 10]),
        ({"name": "sgd", "momentum": 0.9}, "adam"),
        ("a,b", "c"),
    ]
    assert overrides == {"training.epochs": 5}


def test_two_dots_between_numbers_are_a_range_and_in_a_path_are_not():
    texts = {
        "dataset.path": "data..csv",
        "dataset.groups": "^p..x",
        "dataset.target": "a..b",
        "model.activation": "'a..b'",
    }
    overrides, axes = parse_axes(
        [
            "optimizer.learning_rate=1e-4..1e-2",
            "model.l2=.1...5",
            *(f"{k}={v}" for k, v in texts.items()),
        ]
    )

    assert axes == [
        Axis("optimizer.learning_rate", Range(1e-4, 1e-2)),
        Axis("model.l2", Range(0.1, 0.5)),
    ]
    assert overrides == texts | {"model.activation": "a..b"}


def test_the_product_of_all_axes_is_trained_with_every_seed_and_fold():
    assert names("model.hidden=30,[20, 10]", "optimizer={name: sgd},{name: adam}", seeds=2) == [
        f"hidden-{hidden}_optimizer-{optimizer}_seed-{seed}"
        for hidden in ("30", "20-10")
        for optimizer in ("sgd", "adam")
        for seed in (0, 1)
    ]
    assert names(folds=3) == ["fold-1", "fold-2", "fold-3"]


def test_a_member_is_the_config_with_its_values():
    """Its seed is one of 0 to N-1, its fold the i-th of K."""
    member = plan("model.l2=0.1,0.2", "training.epochs=7", seeds=2, folds=3).members[-1]

    assert member.name == "l2-0.2_seed-1_fold-3"
    assert member.config == load_config(
        {
            **DIGITS,
            "name": member.name,
            "seed": 1,
            "dataset": {"name": "digits", "fold": "3/3"},
            "model": {"l2": 0.2},
            "training": {"epochs": 7},
        },
        {},
    )


def test_an_axis_is_named_by_the_end_that_tells_it_apart():
    keys = ["optimizer.learning_rate", "training.epochs", "dataset.seed", "seed"]

    assert list(axis_labels(keys).values()) == ["learning_rate", "epochs", "dataset.seed", "seed"]


def test_folders_differ_where_letters_and_signs_do_not():
    """On a file system that knows no case, too."""
    members = names("dataset.classes=[A, b, c, d, e, f, g, h, i, j],[a, b, c, d, e, f, g, h, i, J]")

    assert members == ["classes-A-b-c-d-e-f-g-h-i-j", "classes-a-b-c-d-e-f-g-h-i-J--2"]


def test_a_sample_is_drawn_by_the_seed_without_repetition():
    """Golden: the draws of a seed never change."""
    arguments = ("optimizer.learning_rate=1e-4..1e-2", "model.hidden=10..300", "model.l2=0.0..1.0")
    drawn = [tuple(values.values()) for values in plan(*arguments, sample=3).values]

    assert drawn == [
        (0.0007708, 45, 0.7162),
        (0.0002123, 40, 0.4835),
        (0.004689, 12, 0.1404),
    ]
    assert plan(*arguments, "seed=1", sample=3).values != plan(*arguments, sample=3).values
    both = plan("model.batch_norm=true,false", "model.hidden=1,2,3", sample=6).values
    assert len({tuple(values.values()) for values in both}) == 6


def test_a_range_with_a_factor_of_ten_is_drawn_by_factors():
    """As many below the geometric mean as above; whole numbers stay whole, and reach both ends."""
    rates = [Range(1e-4, 1e-2).at(share) for share in np.linspace(0, 1, 1000, endpoint=False)]
    units = [Range(2, 40).at(share) for share in np.linspace(0, 1, 1000, endpoint=False)]
    even = [Range(-3, 3).at(share) for share in np.linspace(0, 1, 700, endpoint=False)]

    assert sum(rate < 1e-3 for rate in rates) == pytest.approx(500, abs=2)
    assert (min(units), max(units)) == (2, 40)
    assert all(type(unit) is int for unit in units)
    nine = 1000 * math.log(10 / 2) / math.log(41 / 2)
    assert sum(unit <= 9 for unit in units) == pytest.approx(nine, abs=2)
    assert np.bincount(np.array(even) + 3).tolist() == [100] * 7


@pytest.mark.parametrize(
    ("arguments", "how", "text"),
    [
        ([], {}, "sweep: nothing varies; name an axis, as optimizer.learning_rate=1e-3,1e-2, or "),
        (["model.hiden=1,2"], {}, "model.hiden: unknown setting; did you mean 'hidden'?"),
        (["model.l2=1,2,1"], {}, "command line: model.l2: 1 stands twice"),
        (["model.l2=1,"], {}, "model.l2: a value is missing between the commas of '1,'"),
        (["model.l2=1,2", "model.l2=3"], {}, "command line: model.l2: set twice"),
        (["model.l2=1..1"], {"sample": 2}, "command line: model.l2: the range 1..1 is empty"),
        (["model.l2=a..b"], {"sample": 2}, "a range is of two numbers, as 1e-4..1e-2, got a..b"),
        (["model.l2=0.1..1"], {}, "model.l2: 0.1..1 is a range, from which only --sample draws"),
        (["model.l2=0.1..1,2"], {}, "model.l2: 0.1..1 is a range, which stands alone, not in a list"),
        (["model.l2=1,2"], {"sample": 3}, "--sample: 3 wanted, there are 2 settings"),
        (["model.hidden=1..3"], {"sample": 9}, "--sample: 9 wanted, the ranges hold hardly more than"),
        ([], {"seeds": 2, "sample": 2}, "--sample: needs an axis, from which it draws"),
        (["name=a,b"], {}, "sweep: name: members are named by what differs"),
        (["seed=1,2"], {"seeds": 2}, "sweep: seed: is what --seeds sets"),
        (["seed=1"], {"seeds": 2}, "sweep: seed: is what --seeds sets"),
        (["dataset.fold=1/2,2/2"], {"folds": 2}, "sweep: dataset.fold: is what --folds sets"),
        ([], {"seeds": 1}, "--seeds: must be at least 2, got 1"),
        ([], {"seeds": "x"}, "--seeds: must be at least 2, got 'x'"),
        (["model.l2=[1,2]"], {}, "command line: model.l2: must be a number, got [1, 2]"),
        (["model.dropout=0.1..2"], {"sample": 1}, "command line: model.dropout: must be below 1, got 2"),
        (["model.hidden=2x2,[2, 2]"], {}, "model.hidden=2x2 and model.hidden=2-2 are the same experiment"),
        (["model.l2=1,2"], {"seeds": 501}, "sweep: 1,002 members; --sample draws some of their"),
        (["model.l2=1,2"], {"halving": 3}, "--halving: must be settings, as {keep: 0.5, every: 5}, got"),
        (["model.l2=1,2"], {"halving": {"keep": 2}}, "--halving: keep: must be below 1, got 2"),
        (["model.l2=1,2"], {"halving": {"kep": 1}}, "--halving: kep: unknown setting; did you mean 'keep'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_one_line(arguments, how, text):
    assert text in problem(*arguments, **how)
    assert "\n" not in problem(*arguments, **how)


def test_every_problem_of_every_member_is_said_at_once():
    """Each once, however many members have it."""
    text = problem("model.dropout=0.5,2,-1", "model.l2=-1,0", "training.epochs=0", seeds=3)

    assert sorted(text.splitlines()) == [
        "command line: model.dropout: must be at least 0, got -1",
        "command line: model.dropout: must be below 1, got 2",
        "command line: model.l2: must be at least 0, got -1",
        "command line: training.epochs: must be at least 1, got 0",
    ]


def test_a_thousand_members_are_trained_unasked_and_more_on_request():
    assert len(plan("model.l2=1,2", seeds=500).members) == 1000
    assert len(plan("model.l2=1,2", seeds=501, many=True).members) == 1002


def test_without_a_sample_the_order_is_that_of_the_arguments():
    axes = [Axis("a", (1, 2)), Axis("b", (3, 4))]

    assert combinations(axes, None, 0) == [
        {"a": a, "b": b} for a, b in ((1, 3), (1, 4), (2, 3), (2, 4))
    ]
