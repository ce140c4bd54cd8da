"""What a sweep shows of its settings: the ranking, those not shown worse, means with their parts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest, ttest_rel

from mtrain.config.loading.load import load_config
from mtrain.metrics.sweep import (
    Ranking,
    Rows,
    accuracy_of_setting,
    choose_ranking,
    f1_of_setting,
    judge_settings,
    score_rows,
)
from mtrain.records.sweep import MemberResult, SettingResult, SplitFigures
from mtrain.records.training import Predictions
from mtrain.statistics.binomial import wilson
from mtrain.statistics.crossed import crossed_mean
from mtrain.statistics.folds import folds_mean

WEIGHTED = {"name": "csv", "path": "t.csv", "target": "y", "weights": "w"}
BY_ACCURACY = Ranking("val_accuracy", higher_is_better=True)


def config(**settings):
    return load_config({"dataset": {"name": "digits"}} | settings, {})


def setting(name, value, members=None):
    return SettingResult(
        name, {}, tuple(members or [name]), 1, value, "not compared", None, None, None
    )


def member(name, *, seed=None, fold=None, accuracy=None, n=100, f1=None, trained_on=300):
    test = None if accuracy is None else SplitFigures(n, 0.1, accuracy, None, None, f1)
    return MemberResult(
        name, 0, seed, fold, "finished", trained_on=trained_on, test=test, value=accuracy
    )


def rows_of(right, start=0, groups=None):
    right = np.asarray(right, float)
    return Rows(np.arange(start, start + len(right)), right, groups)


def judge(tables, values, ranking=BY_ACCURACY):
    """The comparisons of settings with these scores and values."""
    settings = [setting(name, value) for name, value in values.items()]
    members = {name: member(name) for name in values}
    judged, best = judge_settings(settings, members, tables, ranking)
    return [one.comparison for one in judged], [one.p for one in judged], best


def test_settings_are_compared_with_the_best_on_the_same_rows_all_pairs_together():
    """McNemar's exact p of each of the three pairs, SciPy's, adjusted by Holm."""
    generator = np.random.default_rng(0)
    good = generator.random(300) < 0.9
    alike = good ^ (generator.random(300) < 0.02)
    bad = generator.random(300) < 0.6
    tables = {"good": rows_of(good), "alike": rows_of(alike), "bad": rows_of(bad)}
    values = {name: table.scores.mean() for name, table in tables.items()}
    comparisons, p, best = judge(tables, values)

    def exact(first, second):
        apart = np.count_nonzero(first != second)
        return binomtest(np.count_nonzero(first & ~second), apart).pvalue

    pairs = sorted([exact(good, alike), exact(good, bad), exact(alike, bad)])
    assert comparisons == ["best", "not shown worse", "worse"]
    assert best == 0
    assert p[0] is None
    assert p[1] == pytest.approx(min(1, max(pairs[2], 2 * pairs[1], 3 * pairs[0])))
    assert p[2] == pytest.approx(3 * pairs[0]) or p[2] == pytest.approx(
        max(3 * pairs[0], 2 * pairs[1])
    )


def test_a_lower_loss_is_better_and_rows_are_compared_by_their_log_loss():
    """Student's paired test, SciPy's, of two settings."""
    generator = np.random.default_rng(0)
    first, second = -generator.exponential(0.3, (2, 200)) - np.array([[0.0], [0.1]])
    tables = {"first": rows_of(first), "second": rows_of(second)}
    values = {name: -table.scores.mean() for name, table in tables.items()}
    comparisons, p, best = judge(tables, values, Ranking("val_loss", by_loss=True))

    assert (comparisons, best) == (["best", "worse"], 0)
    assert p[1] == pytest.approx(ttest_rel(first, second).pvalue)


def test_a_setting_that_is_better_by_its_rows_is_not_called_worse():
    """The best by macro recall may be right on fewer rows."""
    generator = np.random.default_rng(0)
    best, other = generator.random(1000) < 0.7, generator.random(1000) < 0.9
    tables = {"best": rows_of(best), "other": rows_of(other)}
    comparisons, p, _ = judge(tables, {"best": 0.8, "other": 0.7})

    assert comparisons == ["best", "not shown worse"]
    assert p[1] < 1e-6


def test_a_setting_without_a_value_is_neither_the_best_nor_compared():
    """Some of its members are not finished."""
    tables = {"one": rows_of([1, 1, 0, 1]), "two": rows_of([1, 0, 0, 1])}
    comparisons, _, best = judge(tables, {"one": None, "two": 0.5})

    assert (comparisons, best) == (["not compared", "best"], 1)
    assert judge(tables, {"one": None, "two": None})[2] is None


def test_settings_of_other_rows_are_not_compared():
    tables = {"one": rows_of([1, 1, 0, 1]), "two": rows_of([1, 0, 0, 1], start=7)}

    assert judge(tables, {"one": 0.75, "two": 0.5})[0] == ["best", "not compared"]
    assert judge({}, {"one": 0.75, "two": 0.5})[0] == ["best", "not compared"]


def test_a_row_that_several_folds_validate_on_counts_once():
    """Its mean score: two folds of three rows each, of which one is in both."""
    values = {"a": [[1, 1, 1], [1, 1, 1]], "b": [[0, 0, 1], [0, 0, 0]]}
    tables, members, settings = {}, {}, []
    for name, folds in values.items():
        for fold, right in enumerate(folds, 1):
            tables[f"{name}{fold}"] = rows_of(right, start=2 * (fold - 1))
            members[f"{name}{fold}"] = member(f"{name}{fold}", fold=fold)
        settings.append(setting(name, float(np.mean(folds)), [f"{name}1", f"{name}2"]))
    judged, best = judge_settings(settings, members, tables, BY_ACCURACY)

    assert best == 0
    p = ttest_rel([1] * 5, [0, 0, 0.5, 0, 0]).pvalue
    # Five rows show nothing below 2^-4.
    assert judged[1].p == pytest.approx(max(p, 2**-4))


@pytest.mark.parametrize(
    ("settings", "by", "higher", "by_loss"),
    [
        ([{}, {"optimizer": {"learning_rate": 0.1}}], "val_loss", False, True),
        ([{"training": {"save_best": "val_f1_macro"}}] * 2, "val_f1_macro", True, False),
        ([{"loss": {"name": "auto", "label_smoothing": 0.1}}] * 2, "val_loss", False, False),
        ([{"dataset": WEIGHTED}, {"dataset": WEIGHTED}], "val_loss", False, False),
        ([{"model": {"l2": 0.1}}, {"model": {"l2": 0.2}}], "val_accuracy", True, False),
        ([{"model": {"activity": 0.1}}, {}], "val_accuracy", True, False),
        ([{"training": {"save_best": None}}] * 2, "val_accuracy", True, False),
        ([{"training": {"save_best": "loss"}}] * 2, "val_accuracy", True, False),
        ([{"training": {"save_best": "val_recall_macro"}}, {}], "val_accuracy", True, False),
        ([{"dataset": {"name": "digits", "validation": None}}] * 2, None, False, False),
    ],
)  # fmt: skip
def test_settings_are_ranked_by_a_figure_that_means_the_same_in_all(settings, by, higher, by_loss):
    ranking = choose_ranking([config(**one) for one in settings])

    assert (ranking.by, ranking.higher_is_better, ranking.by_loss) == (by, higher, by_loss)


def test_the_scores_of_rows_are_right_or_wrong_or_minus_the_log_loss():
    """A probability of 0 is clipped, as in `log_loss`."""
    predictions = Predictions(
        np.array([0, 1, 1]),
        np.array([0, 0, 1]),
        np.array([[0.5, 0.5], [1, 0], [0.25, 0.75]], np.float32),
        0.0,
    )
    places = np.array([4, 5, 9])

    assert score_rows(predictions, places, by_loss=False).scores.tolist() == [1, 0, 1]
    logs = score_rows(predictions, places, by_loss=True).scores
    assert_allclose(logs, np.log([0.5, np.finfo(np.float32).eps, 0.75]))


def test_the_accuracy_of_one_member_has_wilsons_interval():
    right = np.arange(100) < 90
    figure = accuracy_of_setting([member("a", accuracy=0.9)], {"a": rows_of(right)})

    assert figure.mean == 0.9
    assert (figure.low, figure.high) == pytest.approx(tuple(wilson(90, 100)))
    assert accuracy_of_setting([member("a")], {}) is None


def test_the_interval_counts_groups_where_rows_have_such():
    """Ten groups that are wholly right or wrong are ten rows, not a hundred."""
    right = np.repeat(np.arange(10) < 8, 10)
    grouped = rows_of(right, groups=np.repeat(np.arange(10), 10))
    alone, together = (
        accuracy_of_setting([member("a", accuracy=0.8)], {"a": rows})
        for rows in (rows_of(right), grouped)
    )

    assert together.mean == alone.mean == 0.8
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_the_accuracy_of_seeds_is_that_of_the_crossed_model():
    generator = np.random.default_rng(0)
    right = generator.random((4, 200)) < 0.8 + 0.1 * generator.random((4, 1))
    members = [member(f"s{k}", seed=k, accuracy=row.mean()) for k, row in enumerate(right)]
    tested = {f"s{k}": rows_of(row) for k, row in enumerate(right)}
    figure, of = accuracy_of_setting(members, tested), crossed_mean(right)

    assert figure.mean == pytest.approx(right.mean())
    assert (figure.low, figure.high) == pytest.approx((of.interval()[0], min(of.interval()[1], 1)))
    assert figure.training == pytest.approx(np.sqrt(of.seeds))
    assert figure.rows == pytest.approx(np.sqrt(of.rows / 200))


def test_groups_take_the_place_of_rows_in_the_crossed_model():
    generator = np.random.default_rng(0)
    right = np.repeat(generator.random((4, 20)) < 0.8, 10, axis=1)
    groups = np.repeat(np.arange(20), 10)
    members = [member(f"s{k}", seed=k, accuracy=row.mean()) for k, row in enumerate(right)]
    tested = {f"s{k}": rows_of(row, groups=groups) for k, row in enumerate(right)}
    figure = accuracy_of_setting(members, tested)
    of = crossed_mean(right[:, ::10])

    assert figure.mean == pytest.approx(of.mean)
    assert (figure.low, figure.high) == pytest.approx((of.interval()[0], min(of.interval()[1], 1)))


def test_groups_of_very_different_sizes_are_not_taken_for_different_accuracies():
    """Three groups of 400 rows and 80 of 10; one seed's interval is as wide as theirs together."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(83), [400] * 3 + [10] * 80)
    right = generator.random((5, len(groups))) < 0.9
    members = [member(f"s{k}", seed=k, accuracy=row.mean()) for k, row in enumerate(right)]
    tested = {f"s{k}": rows_of(row, groups=groups) for k, row in enumerate(right)}
    figure = accuracy_of_setting(members, tested)

    assert figure.mean == pytest.approx(right.mean())
    assert figure.high - figure.low < 0.05


def test_seeds_that_are_all_right_are_no_certainty():
    """The interval is Wilson's of one of them."""
    right = np.ones((3, 30))
    members = [member(f"s{k}", seed=k, accuracy=1.0) for k in range(3)]
    tested = {f"s{k}": rows_of(row) for k, row in enumerate(right)}
    figure = accuracy_of_setting(members, tested)

    assert (figure.low, figure.high) == pytest.approx(tuple(wilson(30, 30)))


def test_folds_that_follow_time_have_no_interval():
    """They are trained on more and more rows."""
    members = [member(f"{k}", fold=k, accuracy=0.7 + k / 50, trained_on=None) for k in (1, 2, 3)]
    figure = accuracy_of_setting(members, {})

    assert (figure.mean, figure.low, figure.high) == (pytest.approx(0.74), None, None)


def test_over_folds_the_interval_counts_that_they_share_rows():
    """Each fold the mean over its seeds; 100 rows of test for 300 of training."""
    accuracies = {
        (fold, seed): 0.7 + 0.02 * fold + 0.01 * seed for fold in (1, 2, 3) for seed in (0, 1)
    }
    members = [
        member(f"{fold}{seed}", fold=fold, seed=seed, accuracy=a, f1=a - 0.1)
        for (fold, seed), a in accuracies.items()
    ]
    of = folds_mean(np.array([0.725, 0.745, 0.765]), 1 / 3)

    figure, f1 = accuracy_of_setting(members, {}), f1_of_setting(members)
    assert (figure.mean, figure.low, figure.high) == pytest.approx((of.mean, of.low, of.high))
    assert f1.mean == pytest.approx(of.mean - 0.1)


def test_macro_f1_over_seeds_has_its_deviation():
    """A seed where it is undefined is left out."""
    members = [
        member(f"s{k}", seed=k, accuracy=0.5, f1=f1) for k, f1 in enumerate([0.4, 0.6, None])
    ]

    assert f1_of_setting(members).mean == pytest.approx(0.5)
    assert f1_of_setting(members).training == pytest.approx(np.std([0.4, 0.6], ddof=1))
    assert f1_of_setting([member("a", accuracy=0.5)]) is None
