"""Rivals beside a network: figures by scikit-learn, tests by SciPy, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)

from mtrain.config.experiment.gates import parse_rule
from mtrain.metrics.gates import judge
from mtrain.metrics.report import make_report
from mtrain.metrics.rivals import with_rivals
from mtrain.records.rivals import TrainedRival
from mtrain.records.training import Predictions

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 200)


def scores_of(is_right, rng=RNG):
    """Probabilities that are highest at the label of these rows, and at another class elsewhere."""
    predicted = np.where(is_right, LABELS, (LABELS + 1) % 3)
    scores = rng.dirichlet(np.ones(3), 200).astype(np.float32)
    at = np.arange(200)
    highest = scores.argmax(axis=1)
    scores[at, predicted], scores[at, highest] = (
        scores[at, highest],
        scores[at, predicted].copy(),
    )
    return scores


def network_of(scores, groups=None):
    return Predictions(LABELS, scores.argmax(axis=1), scores, 1.0, groups=groups)


def judge_rivals(network, rivals, split, classes):
    return with_rivals(network, rivals, split, classes)[1]


def rival_of(name, scores, **others):
    return TrainedRival(name, 1.0, {"test": scores}, **others)


def shuffled(n):
    """True of so many rows."""
    return RNG.permutation(200) < n


NETWORK = network_of(scores_of(shuffled(140)))
BETTER, LIKE_IT = scores_of(shuffled(180)), scores_of(shuffled(144))


def test_the_figures_of_a_rival_are_those_of_scikit_learn():
    better, _ = judge_rivals(
        NETWORK, [rival_of("boosting", BETTER), rival_of("logistic", LIKE_IT)], "test", "abc"
    )
    predicted = BETTER.argmax(axis=1)
    assert better.accuracy.first == accuracy_score(LABELS, NETWORK.predicted)
    assert better.accuracy.second == accuracy_score(LABELS, predicted)
    assert better.recall_macro.second == pytest.approx(
        balanced_accuracy_score(LABELS, predicted), abs=1e-12
    )
    assert better.f1_macro == pytest.approx(f1_score(LABELS, predicted, average="macro"), abs=1e-12)
    assert better.log_loss == pytest.approx(log_loss(LABELS, BETTER), rel=1e-5)
    precision, recall, f1, _ = precision_recall_fscore_support(LABELS, predicted)
    for k, one in enumerate(better.classes):
        assert one.name == "abc"[k]
        assert (one.precision, one.recall, one.f1) == pytest.approx(
            (precision[k], recall[k], f1[k]), abs=1e-12
        )


def test_accuracy_is_tested_on_the_rows_where_one_of_the_two_is_right():
    """By the mid-p test of McNemar, which counts no other row; adjusted for both figures and rivals."""
    judged = judge_rivals(
        NETWORK, [rival_of("boosting", BETTER), rival_of("logistic", LIKE_IT)], "test", "abc"
    )
    network_is_right = NETWORK.predicted == LABELS
    for one, scores in zip(judged, (BETTER, LIKE_IT), strict=True):
        is_right = scores.argmax(axis=1) == LABELS
        only, other = (is_right & ~network_is_right).sum(), (network_is_right & ~is_right).sum()
        mid_p = binomtest(only, only + other).pvalue - binom.pmf(only, only + other, 0.5)
        assert one.accuracy.p == pytest.approx(mid_p, rel=1e-9)
    p = sorted(of.p for one in judged for of in (one.accuracy, one.recall_macro))
    holm = np.maximum.accumulate(np.minimum(1, [4 * p[0], 3 * p[1], 2 * p[2], p[3]]))
    adjusted = sorted(of.p_adjusted for one in judged for of in (one.accuracy, one.recall_macro))
    assert adjusted == pytest.approx(holm, rel=1e-12)
    assert [one.accuracy.finding for one in judged] == ["better", "not shown"]


def findings_of(*rivals):
    judged = judge_rivals(NETWORK, rivals, "test", "abc")
    report = make_report(NETWORK, tuple("abc"), split="test", checkpoint="x", rivals=judged)
    return {one.kind: one.text for one in report.findings if "rival" in one.kind}


def test_a_rival_that_is_shown_to_be_better_is_named_with_how_much():
    found = findings_of(rival_of("boosting", BETTER), rival_of("logistic", LIKE_IT))
    accuracy = (BETTER.argmax(axis=1) == LABELS).mean()
    more = accuracy - (NETWORK.predicted == LABELS).mean()
    assert list(found) == ["rival-better"]
    text = found["rival-better"]
    assert text.startswith(
        f"gradient boosting: accuracy {accuracy:.3f}, {more:.3f} more (p < 0.001)"
    )
    assert text.endswith(": a network of this kind is not the best tool for these data")


def test_where_none_is_shown_to_be_better_that_is_said():
    found = findings_of(rival_of("logistic", LIKE_IT))
    accuracy = (LIKE_IT.argmax(axis=1) == LABELS).mean()
    text = f"No rival is shown to be better: accuracy of logistic regression {accuracy:.3f}"
    assert found == {"no-rival-better": text}


def test_a_rival_that_is_better_in_one_figure_and_worse_in_the_other_is_no_better_tool():
    """A network that calls nearly all rows of the rare class common, and a rival that does the reverse."""
    labels = np.arange(400) >= 360
    network = Predictions(
        labels.astype(int), np.zeros(400, int), np.full((400, 2), 0.5, np.float32), 1.0
    )
    wrong = np.arange(400) < 120
    scores = np.where(labels | wrong, 0.9, 0.1).astype(np.float32)
    judged = judge_rivals(
        network, [rival_of("boosting", np.column_stack([1 - scores, scores]))], "test", "ab"
    )
    report = make_report(network, ("a", "b"), split="test", checkpoint="x", rivals=judged)
    (text,) = [one.text for one in report.findings if one.kind == "rival-mixed"]
    assert text == (
        "gradient boosting: accuracy 0.700, 0.200 less (p < 0.001); "
        "balanced accuracy 0.833, 0.333 more (p < 0.001)"
    )


def test_a_figure_that_may_be_lower_by_chance_forbids_the_conclusion_as_well():
    """The rare class, of which accuracy knows little, may be learned less."""
    labels = np.arange(1000) >= 980
    predicted = np.where(labels | (np.arange(1000) < 100), 1, 0)
    network = Predictions(labels.astype(int), predicted, np.full((1000, 2), 0.5, np.float32), 1.0)
    positive = labels & (np.arange(1000) < 997)
    scores = np.where(positive, 0.9, 0.1).astype(np.float32)
    judged = judge_rivals(
        network, [rival_of("boosting", np.column_stack([1 - scores, scores]))], "test", "ab"
    )
    report = make_report(network, ("a", "b"), split="test", checkpoint="x", rivals=judged)
    (text,) = [one.text for one in report.findings if one.kind == "rival-mixed"]
    assert text == (
        "gradient boosting: accuracy 0.997, 0.097 more (p < 0.001); "
        "balanced accuracy 0.925, 0.024 less (not shown)"
    )


def test_warnings_of_scikit_learn_are_said():
    found = findings_of(rival_of("logistic", LIKE_IT, notes=("did not converge",)))
    assert found["rival-note"] == "logistic regression: did not converge"


def test_on_rows_that_chose_the_network_it_has_an_advantage():
    judged = judge_rivals(NETWORK, [rival_of("logistic", LIKE_IT)], "test", "abc")
    report = make_report(
        NETWORK, tuple("abc"), split="val", checkpoint="x", selected=True, rivals=judged
    )
    (text,) = [one.text for one in report.findings if one.kind == "no-rival-better"]
    assert text.endswith("; the network was chosen on these rows, the rivals were not")


def test_a_rival_without_predictions_says_why():
    found = findings_of(
        TrainedRival("boosting", 3.0, problem="not done after 3 s"), rival_of("logistic", LIKE_IT)
    )
    assert found["rival-missing"] == "No gradient boosting beside the network: not done after 3 s"
    assert "no-rival-better" in found


def test_a_rule_about_a_rival_without_predictions_says_why():
    trained = TrainedRival("boosting", 3.0, problem="not done after 3 s")
    rivals = judge_rivals(NETWORK, [trained], "test", "abc")
    report = make_report(NETWORK, tuple("abc"), split="test", checkpoint="x", rivals=rivals)

    (result,) = judge(report, [parse_rule("accuracy >= boosting")], {})

    assert result.outcome == "inconclusive"
    assert result.reason == "there is no boosting on these rows: not done after 3 s"


def test_a_rival_of_two_classes_predicts_by_its_threshold():
    labels = np.array([0, 0, 1, 1])
    scores = np.array([[0.9, 0.1], [0.7, 0.3], [0.65, 0.35], [0.2, 0.8]], np.float32)
    network = Predictions(labels, labels, scores, 1.0)
    (half,) = judge_rivals(network, [rival_of("boosting", scores)], "test", "ab")
    (third,) = judge_rivals(network, [rival_of("boosting", scores, threshold=0.32)], "test", "ab")
    assert (half.accuracy.second, half.threshold) == (0.75, None)
    assert (third.accuracy.second, third.threshold) == (1.0, 0.32)


def test_rows_of_a_group_are_counted_together():
    """Twenty groups of ten equal rows show no more than twenty rows."""
    rows = np.repeat(np.arange(20), 10)
    network = Predictions(LABELS[rows], NETWORK.predicted[rows], NETWORK.probabilities[rows], 1.0)
    rival = rival_of("boosting", BETTER[rows])
    (alone,) = judge_rivals(network, [rival], "test", "abc")
    grouped = Predictions(
        *(network.labels, network.predicted, network.probabilities), 1.0, groups=rows
    )
    (together,) = judge_rivals(grouped, [rival], "test", "abc")
    assert together.accuracy.difference == alone.accuracy.difference
    assert together.accuracy.p > 10 * alone.accuracy.p


@pytest.mark.slow
def test_equal_rivals_are_called_better_in_at_most_a_twentieth_of_evaluations():
    rng = np.random.default_rng(1)
    wrongly = sum(
        any(
            of.finding == "better"
            for one in judge_rivals(
                network_of(scores_of(rng.random(200) < 0.8, rng)),
                [
                    rival_of(name, scores_of(rng.random(200) < 0.8, rng))
                    for name in ("logistic", "boosting")
                ],
                "test",
                "abc",
            )
            for of in (one.accuracy, one.recall_macro)
        )
        for _ in range(1000)
    )
    assert wrongly <= 50
