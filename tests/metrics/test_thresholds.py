from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm
from sklearn.metrics import f1_score, precision_recall_curve, precision_score, recall_score

from mtrain.config.experiment.evaluation import ThresholdRule
from mtrain.config.loading.load import load_config
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.thresholds import between, choose_threshold, fewest_rows, predict_above
from mtrain.records.training import EpochRecord, Predictions, Tally

ONE = np.float32(1)
FLOAT32 = st.floats(0, 1, width=32)
# Few values, so that scores tie; neighbours of one another, between which there is no other.
SCORES = st.sampled_from([0, 1e-45, 0.25, 0.5, np.nextafter(np.float32(0.5), ONE), 0.75, 1.0])
ROWS = st.lists(st.tuples(st.booleans(), FLOAT32 | SCORES), min_size=1, max_size=12)


def arrays(rows):
    truths, scores = zip(*rows, strict=True)
    return np.array(truths), np.array(scores, np.float32)


def every_threshold(truths, scores):
    """Each way to call rows positive by a threshold from 0, but for none; the highest first."""
    ways = []
    for score in sorted(set(scores[scores > 0].tolist()), reverse=True):
        called = scores >= np.float32(score)
        ways.append(
            (
                called,
                {
                    "precision": precision_score(truths, called),
                    "recall": recall_score(truths, called, zero_division=0),
                    "f1": f1_score(truths, called),
                },
            )
        )
    return ways


@given(ROWS, st.sampled_from(["recall", "precision"]), st.sampled_from([0.1, 1 / 3, 0.5, 0.9, 1.0]))
def test_the_first_threshold_to_reach_it_is_found(rows, by, at_least):
    """By trying all: for a recall the fewest rows called positive, for a precision the most."""
    truths, scores = arrays(rows)
    chosen = choose_threshold(truths, scores, by, at_least)
    reached = [
        called for called, figures in every_threshold(truths, scores) if figures[by] >= at_least
    ]

    if not reached:
        assert math.isnan(chosen)
        return
    assert 0 <= chosen < 1
    expected = reached[0] if by == "recall" else reached[-1]
    np.testing.assert_array_equal(scores > np.float32(chosen), expected)


@given(ROWS)
def test_the_threshold_of_the_best_f1_is_found(rows):
    """By trying all; of equals that which calls the fewest rows positive."""
    truths, scores = arrays(rows)
    chosen = choose_threshold(truths, scores, "f1")
    ways = [(called, figures["f1"]) for called, figures in every_threshold(truths, scores)]
    best = max((f1 for _, f1 in ways), default=0)

    if best == 0:
        assert math.isnan(chosen)
        return
    expected = next(called for called, f1 in ways if f1 == pytest.approx(best, abs=1e-12))
    np.testing.assert_array_equal(scores > np.float32(chosen), expected)


@pytest.mark.parametrize("seed", range(10))
def test_thresholds_are_those_of_scikit_learns_curve(seed):
    """Its thresholds are the lowest scores called positive; ours lies just below one of them."""
    generator = np.random.default_rng(seed)
    truths = generator.random(300) < 0.2
    scores = np.round(generator.normal(0.4 + 0.2 * truths, 0.15).clip(0.01, 1), 2).astype(
        np.float32
    )
    precision, recall, thresholds = precision_recall_curve(truths, scores)
    steps = list(zip(precision, recall, thresholds, strict=False))

    highest = max(score for _, r, score in steps if r >= 0.9)
    lowest = min(score for p, _, score in steps if p >= 0.5)
    best = max(2 * p * r / (p + r) for p, r, _ in steps if p + r > 0)
    for by, at_least, score in (("recall", 0.9, highest), ("precision", 0.5, lowest)):
        chosen = np.float32(choose_threshold(truths, scores, by, at_least))
        assert scores[scores > chosen].min() == np.float32(score)
    chosen = np.float32(choose_threshold(truths, scores, "f1"))
    assert f1_score(truths, scores > chosen) == pytest.approx(best, abs=1e-12)


@given(FLOAT32, FLOAT32)
def test_a_threshold_lies_between_two_scores_as_float32_and_as_float64(a, b):
    """Halfway where there is a number; else it is the lower score, which is not above itself."""
    low, high = np.float32(min(a, b)), np.float32(max(a, b))
    if low == high:
        return
    threshold = between(low, high)

    assert low <= np.float32(threshold) == threshold < high
    assert (threshold == low) <= (np.nextafter(low, ONE) == high)


def predictions_of(truths, scores):
    probabilities = np.stack([1 - scores, scores], axis=1)
    labels = truths.astype(np.int64)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, 0.5)


def figures_at(truths, scores, threshold):
    """Of an epoch of a run with that threshold."""
    config = load_config({"evaluation": {"threshold": threshold}}, {})
    confusion = np.array([[len(truths), 0], [0, 0]])
    val = predictions_of(truths, scores)
    record = EpochRecord(1, 0.1, Tally(0.5, confusion), val)
    return epoch_figures(record, config.metrics, config.evaluation)


def test_a_chosen_threshold_is_a_figure_of_its_epoch_and_that_of_the_validation():
    """Two of three leave above 0.35, with one who stays; no monitor."""
    truths = np.array([True, True, True, False, False])
    scores = np.array([0.6, 0.4, 0.1, 0.3, 0.5], np.float32)
    figures = figures_at(truths, scores, {"recall": 0.6})

    assert figures.scalars["val_threshold"] == pytest.approx(0.35)
    assert figures.counts["val"].tp[1] == 2
    assert figures.counts["val"].fp[1] == 1
    assert "val_threshold" not in load_config({"evaluation": {"threshold": "f1"}}, {}).monitors


def test_a_threshold_that_is_a_number_is_not_chosen():
    """It is that of the validation all the same."""
    scores = np.array([0.6, 0.2], np.float32)
    figures = figures_at(np.array([True, True]), scores, 0.1)

    assert "val_threshold" not in figures.scalars
    assert figures.counts["val"].tp[1] == 2


def test_where_no_threshold_can_be_chosen_it_is_one_half():
    """Nobody leaves; a precision that is not reached."""
    scores = np.array([0.6, 0.2], np.float32)
    for truths, rule in (([False, False], "f1"), ([False, True], {"precision": 0.9})):
        figures = figures_at(np.array(truths), scores, rule)
        assert math.isnan(figures.scalars["val_threshold"])
        np.testing.assert_array_equal(figures.counts["val"].predicted, [1, 1])


def test_the_threshold_itself_is_not_above_it():
    """As float32: 0.1 of a config is the 0.1 of a score."""
    scores = np.array([0.1, np.nextafter(np.float32(0.1), ONE)], np.float32)

    assert predict_above(predictions_of(scores > 0, scores), 0.1).predicted.tolist() == [0, 1]


def scored(n, prevalence, generator):
    """Rows of two classes whose scores are 2.5 standard deviations apart."""
    truths = generator.random(n) < prevalence
    signal = generator.normal(size=n) + 2.5 * truths
    return truths, (1 / (1 + np.exp(-signal))).astype(np.float32)


def true_share(threshold, by, prevalence):
    """The recall or precision of a threshold, of all rows that there could be."""
    signal = math.log(threshold / (1 - threshold)) if threshold else -math.inf
    recall, false_alarms = norm.sf(signal - 2.5), norm.sf(signal)
    if by == "recall":
        return recall
    hits = prevalence * recall
    return hits / (hits + (1 - prevalence) * false_alarms)


@pytest.mark.parametrize("by", ["recall", "precision"])
@pytest.mark.parametrize(("n", "prevalence"), [(200, 0.5), (2000, 0.2)])
def test_a_promise_is_broken_in_one_training_of_twenty(by, n, prevalence):
    """Of new rows; a threshold that only reaches it on validation falls short in half of all."""
    generator, broken, short = np.random.default_rng(0), 0, 0
    for _ in range(600):
        truths, scores = scored(n, prevalence, generator)
        promised = choose_threshold(truths, scores, by, 0.9, level=0.05)
        reached = choose_threshold(truths, scores, by, 0.9)
        broken += not math.isnan(promised) and true_share(promised, by, prevalence) < 0.9
        short += true_share(reached, by, prevalence) < 0.9

    assert broken / 600 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 600)
    assert short / 600 > 0.4


def test_a_promised_recall_takes_29_rows_of_the_class():
    """0.9 to the 28 is above 0.05: no threshold is certain enough of 28 rows, however good."""
    assert fewest_rows("recall", 0.9, 0.05) == 29
    for n in (28, 29):
        truths = np.repeat([True, False], [n, 50])
        scores = np.repeat(np.array([0.9, 0.1], np.float32), [n, 50])
        assert math.isnan(choose_threshold(truths, scores, "recall", 0.9, 0.05)) == (n == 28)


def test_a_promised_precision_allows_for_one_mistake_at_the_start():
    """Binomial tail of 45 of 46 at 0.9: 0.048; of 44 of 45, 0.052."""
    assert fewest_rows("precision", 0.9, 0.05) == 46
    assert binom.sf(44, 46, 0.9) < 0.05 < binom.sf(43, 45, 0.9)


def test_the_promises_of_all_epochs_together_are_kept():
    """1/2 + 1/6 + 1/12 + ... = 1: whichever epoch is the best, and however many there are."""
    rule = ThresholdRule("recall", 0.9, 0.95)

    assert sum(rule.level(epoch) for epoch in range(1, 10_000)) == pytest.approx(0.05, rel=1e-3)
    assert rule.level(1) == pytest.approx(0.025)
