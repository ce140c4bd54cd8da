from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_curve, precision_score, recall_score

from mtrain.config.loading.load import load_config
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.thresholds import between, choose_threshold, predict_above
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
