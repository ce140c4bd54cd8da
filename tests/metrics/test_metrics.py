from __future__ import annotations

import math
import warnings

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from random_predictions import count, nan, random_predictions, report_of
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics

from mtrain.metrics import probabilities as of_probabilities
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.metrics.probabilities import log_loss
from mtrain.metrics.report import make_report
from mtrain.metrics.scores import one_against_rest, threshold_counts, top_k_hits
from mtrain.metrics.thresholds import predict_above
from mtrain.records.training import Predictions
from mtrain.run.evaluation import classification_report
from mtrain.run.metrics import report_as_json
from mtrain.statistics.binomial import wilson


def test_precision_of_a_class_never_predicted_is_undefined():
    """Three examples are called cat, two of them rightly; nothing is called dog."""
    counts = count([0, 0, 1], [0, 0, 0], classes=2)

    assert_allclose(counts.precision, [2 / 3, nan])


def test_f1_of_a_class_present_but_never_predicted_is_zero():
    """2tp / (2tp + fp + fn) = 0 / 1; of one that is neither present nor predicted it is 0/0."""
    counts = count([0, 0, 1], [0, 0, 0], classes=3)

    assert_allclose(counts.f1, [4 / 5, 0, nan])


def test_every_ratio_by_hand():
    """1,000 employees, 10 leave; 100 are named, all 10 among them."""
    labels = np.repeat([0, 1], [990, 10])
    predicted = np.repeat([0, 1], [900, 100])
    counts = count(labels, predicted, classes=2)

    assert counts.accuracy == 0.91
    assert_allclose(counts.precision, [1, 0.10])
    assert_allclose(counts.recall, [900 / 990, 1])
    assert_allclose(counts.specificity, [1, 900 / 990])
    assert_allclose(counts.fpr, [0, 90 / 990])
    assert_allclose(counts.f1, [1800 / 1890, 20 / 110])


@pytest.mark.parametrize("ties", [False, True])
def test_reports_equal_scikit_learns(ties):
    """Counts exactly, ratios to 1e-12, undefined where scikit-learn says NaN."""
    for seed in range(60):
        predictions = random_predictions(seed, ties=ties)
        report = report_of(predictions)
        labels, predicted = predictions.labels, predictions.predicted
        classes = range(predictions.probabilities.shape[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sklearn_metrics.classification_report(
                labels,
                predicted,
                labels=classes,
                target_names=[f"class {k}" for k in classes],
                zero_division=nan,
                output_dict=True,
            )
        assert classification_report(report).keys() == theirs.keys()
        assert classification_report(report)["accuracy"] == pytest.approx(theirs.pop("accuracy"))
        for name, figures in theirs.items():
            ours = classification_report(report)[name]
            assert ours.keys() == figures.keys()
            values = [nan if value is None else value for value in ours.values()]
            assert_allclose(values, list(figures.values()), atol=1e-12)
        matrix = sklearn_metrics.confusion_matrix(labels, predicted, labels=classes)
        assert_array_equal(report.confusion_matrix, matrix)


def test_counts_and_ratios_equal_scikit_learns_in_ten_thousand_cases():
    """Counts exactly, ratios to 1e-12, undefined where scikit-learn says NaN.

    To scikit-learn all cases are one, each with classes of its own: a class's figures are of its rows.
    """
    generator = np.random.default_rng(0)
    ours, labels, predicted = [], [], []
    first = 0
    for _ in range(10_000):
        classes = int(generator.integers(2, 6))
        rows = generator.integers(0, classes, (2, int(generator.integers(1, 40))))
        ours.append(count(*rows, classes))
        labels.append(rows[0] + first)
        predicted.append(rows[1] + first)
        first += classes
    rows = np.concatenate(labels), np.concatenate(predicted)

    def of_all(name):
        return np.concatenate([getattr(counts, name) for counts in ours])

    tables = sklearn_metrics.multilabel_confusion_matrix(*rows, labels=range(first))
    for name, theirs in zip(("fp", "fn", "tp"), tables.reshape(-1, 4).T[1:], strict=True):
        assert_array_equal(of_all(name), theirs)
    *ratios, support = sklearn_metrics.precision_recall_fscore_support(
        *rows, labels=range(first), zero_division=nan
    )
    assert_array_equal(of_all("support"), support)
    for name, theirs in zip(("precision", "recall", "f1"), ratios, strict=True):
        assert_allclose(of_all(name), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_areas_equal_scikit_learns(ties):
    """ROC AUC and average precision of every class, tied scores included."""
    for seed in range(60):
        predictions = random_predictions(seed, ties=ties)
        for k, counts in enumerate(one_against_rest(predictions.labels, predictions.probabilities)):
            truths, scores = predictions.labels == k, predictions.probabilities[:, k]
            if truths.any():
                theirs = sklearn_metrics.average_precision_score(truths, scores)
                assert counts.average_precision == pytest.approx(theirs, abs=1e-12)
            else:
                assert math.isnan(counts.average_precision)
            if truths.any() and not truths.all():
                theirs = sklearn_metrics.roc_auc_score(truths, scores)
                assert counts.roc_auc == pytest.approx(theirs, abs=1e-12)
            else:
                assert math.isnan(counts.roc_auc)


def test_roc_auc_counts_pairs():
    """Of 2 positives and 2 negatives: 3 pairs in order, one tied, is 3.5 / 4."""
    truths = np.array([True, True, False, False])
    counts = threshold_counts(truths, np.array([0.9, 0.4, 0.4, 0.1], np.float32))

    assert counts.roc_auc == 3.5 / 4


def test_counts_at_thresholds_do_not_depend_on_weights_of_one():
    """Sorted as bits or by place: the same counts at the same scores, subnormal ones and 0 too."""
    generator = np.random.default_rng(0)
    scores = np.array([0, 1e-45, 1e-40, 0.25, 0.5, 1 - 2**-24, 1], np.float32)
    scores = generator.choice(scores, 500)
    truths = generator.random(500) < 0.3
    plain = threshold_counts(truths, scores)
    weighted = threshold_counts(truths, scores, np.ones(500))

    assert_array_equal(plain.scores, np.unique(scores)[::-1])
    assert_array_equal(plain.scores, weighted.scores)
    assert_array_equal(plain.tp, weighted.tp)
    assert_array_equal(plain.fp, weighted.fp)


def test_log_loss_equals_scikit_learns():
    """Clipped at float32's epsilon, in float64."""
    predictions = random_predictions(3)
    labels, probabilities = predictions.labels, predictions.probabilities
    theirs = sklearn_metrics.log_loss(labels, probabilities, labels=range(probabilities.shape[1]))

    assert log_loss(labels, probabilities) == pytest.approx(theirs, rel=1e-6)
    certainly_wrong = np.array([[1, 0]], np.float32)
    assert log_loss(np.array([1]), certainly_wrong) == -math.log(np.finfo(np.float32).eps)


@pytest.mark.parametrize("seed", range(20))
def test_agreement_equals_scikit_learns(seed):
    """Balanced accuracy over the classes present; kappa and correlation over all."""
    predictions = random_predictions(seed)
    labels, predicted = predictions.labels, predictions.predicted
    counts = count(labels, predicted, predictions.probabilities.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        balanced = sklearn_metrics.balanced_accuracy_score(labels, predicted)
        kappa = sklearn_metrics.cohen_kappa_score(labels, predicted)
        correlation = sklearn_metrics.matthews_corrcoef(labels, predicted)

    assert counts.balanced_accuracy == pytest.approx(balanced, abs=1e-12)
    assert counts.cohen_kappa == pytest.approx(kappa, abs=1e-12, nan_ok=True)
    assert counts.mcc == pytest.approx(correlation, abs=1e-12)


def test_agreement_of_a_class_never_learned():
    """1,000 employees, 10 leave, nobody is predicted to: as good as no model at all."""
    counts = count([0] * 990 + [1] * 10, [0] * 1000, classes=2)

    assert counts.accuracy == 0.99
    assert (counts.balanced_accuracy, counts.mcc, counts.cohen_kappa) == (0.5, 0, 0)


def test_agreement_where_there_is_but_one_class():
    """All of it is chance."""
    counts = count([1, 1], [1, 1], classes=2)

    assert (counts.balanced_accuracy, counts.mcc) == (1, 0)
    assert math.isnan(counts.cohen_kappa)


@pytest.mark.parametrize("classes", [2, 5])
def test_figures_of_probabilities_equal_keras_and_scikit_learns(classes):
    """Of two classes Keras sees one output, the second's probability."""
    generator = np.random.default_rng(classes)
    labels = generator.integers(0, classes, 300)
    scores = generator.dirichlet(np.full(classes, 0.5), 300).astype(np.float32)
    one_hot = np.eye(classes, dtype=np.float32)[labels]
    outputs = (labels[:, None], scores[:, 1:]) if classes == 2 else (one_hot, scores)
    metrics = keras.metrics
    theirs = {
        "mean_squared_error": (metrics.MeanSquaredError(), (one_hot, scores)),
        "kl_divergence": (metrics.KLDivergence(), (one_hot, scores)),
        "cosine_similarity": (metrics.CosineSimilarity(), (one_hot, scores)),
        "keras_precision": (metrics.Precision(), outputs),
        "keras_recall": (metrics.Recall(), outputs),
    }
    for name, (metric, arguments) in theirs.items():
        metric.update_state(*arguments)
        found = getattr(of_probabilities, name)(labels, scores)
        assert found == pytest.approx(float(metric.result()), rel=1e-5), name
    exact = scores.astype(np.float64)
    predicted = exact[:, 1] if classes == 2 else exact / exact.sum(axis=1, keepdims=True)
    brier = sklearn_metrics.brier_score_loss(labels, predicted, labels=range(classes))
    assert of_probabilities.brier(labels, scores) == pytest.approx(brier, rel=1e-6)


def test_nothing_above_a_half_has_no_keras_precision():
    """Three classes, the winner at 0.4: an argmax has one."""
    labels, scores = np.array([0]), np.array([[0.4, 0.3, 0.3]], np.float32)

    assert math.isnan(of_probabilities.keras_precision(labels, scores))
    assert of_probabilities.keras_recall(labels, scores) == 0


def test_values_worked_by_hand_in_a_survey_of_metrics():
    """Accuracies of 3 in 4, precision 1 and recall 0.5, F1 0.8, squared error 0.03."""
    assert count([1, 0, 0, 1], [1, 0, 1, 1], 2).accuracy == 0.75
    binary = count([0, 1, 1, 0], [0, 1, 0, 0], 2)
    assert (binary.accuracy, binary.precision[1], binary.recall[1]) == (0.75, 1, 0.5)
    assert top_k_hits(np.array([1]), np.array([[0.2, 0.7, 0.1]], np.float32), 1) == 1
    of_second = np.array([0.9, 0.4, 0.2, 0.8], np.float32)
    scores = np.stack([1 - of_second, of_second], axis=1)
    everything_first = Predictions(np.array([1, 0, 1, 1]), np.zeros(4, int), scores, 0.0)
    assert count([1, 0, 1, 1], predict_above(everything_first, 0.5).predicted, 2).f1[1] == 0.8
    truths = np.array([0, 1, 0])
    scores = np.array([[0.8, 0.2], [0.1, 0.9], [0.8, 0.2]], np.float32)
    error = of_probabilities.mean_squared_error(truths, scores)
    assert error == pytest.approx(0.03)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_top_k_equals_scikit_learns(k):
    """Where no scores tie; where they do, top 1 is still the argmax."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 5, 200)
    probabilities = generator.dirichlet(np.ones(5), 200).astype(np.float32)
    theirs = sklearn_metrics.top_k_accuracy_score(labels, probabilities, k=k, normalize=False)

    assert top_k_hits(labels, probabilities, k) == theirs
    tied = np.round(probabilities, 1)
    assert top_k_hits(labels, tied, 1) == np.count_nonzero(tied.argmax(axis=1) == labels)


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilson_intervals_are_scipys(hits, misses):
    """SciPy's `proportion_ci(method="wilson")`; undefined without trials."""
    trials = hits + misses
    low, high = wilson(np.array([hits]), np.array([trials]))[0]
    if trials == 0:
        assert math.isnan(low)
        assert math.isnan(high)
        return
    theirs = binomtest(hits, trials).proportion_ci(method="wilson")
    assert_allclose([low, high], [theirs.low, theirs.high], atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1), st.integers(1, 7))
def test_counts_of_batches_add_up(pairs, batch):
    """Ratios of batches do not."""
    labels, predicted = np.array(pairs).T
    parts = [
        confusion_matrix(labels[i : i + batch], predicted[i : i + batch], 4)
        for i in range(0, len(labels), batch)
    ]

    assert_array_equal(sum(parts), confusion_matrix(labels, predicted, 4))


def test_counts_do_not_stop_at_2_to_the_24():
    """Keras counts in float32."""
    rows = 2**24 + 1
    counts = class_counts(np.array([[rows, 0], [1, 0]]))

    assert counts.tp[0] == rows
    assert counts.recall[0] == 1
    assert counts.precision[0] == rows / (rows + 1)


def test_counts_of_whole_numbers_and_of_weights_agree():
    """They are summed by different ways."""
    confusion = np.random.default_rng(0).integers(0, 1000, (7, 7))
    of_numbers, of_weights = class_counts(confusion), class_counts(confusion.astype(float))

    for name in ("tp", "fp", "fn", "tn"):
        assert_array_equal(getattr(of_numbers, name), getattr(of_weights, name))


@given(st.lists(st.integers(0, 2**40), min_size=16, max_size=16))
def test_what_is_neither_row_nor_column_is_summed_alone(cells):
    """Exactly, and where rounding would leave something over, in floats: 0.1 + 0.2 - 0.3."""
    confusion = np.array(cells).reshape(4, 4)
    counts = class_counts(confusion)
    keep = [np.delete(np.delete(confusion, k, 0), k, 1).sum() for k in range(4)]

    assert_array_equal(counts.tn, keep)
    assert counts.tn.dtype == np.int64
    first_alone = class_counts(np.array([[0.1, 0.2, 0.3], [0, 0, 0], [0, 0, 0]]))
    assert first_alone.tn[0] == 0
    assert math.isnan(first_alone.specificity[0])


def test_undefined_figures_have_their_reason():
    """Three classes; the third is absent, the second never predicted."""
    probabilities = np.array([[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1]], np.float32)
    predictions = Predictions(np.array([0, 0, 1]), np.zeros(3, np.int64), probabilities, 0.5)
    metrics = report_as_json(report_of(predictions))

    reasons = {(u["class"], u["metric"]): u["reason"] for u in metrics["undefined"]}
    assert reasons["class 1", "precision"] == "never predicted"
    assert reasons["class 2", "recall"] == "no row of this class in the split"
    assert reasons["class 2", "f1"] == "neither present nor predicted"
    assert ("class 1", "f1") not in reasons
    assert metrics["classes"][2]["recall"] is None
    assert metrics["classes"][2]["recall_ci"] is None
    macro = metrics["averages"]["macro avg"]
    assert macro["recall"] == 0.5
    assert macro["classes_by_figure"]["precision"] == macro["classes"] == 1
    assert macro["classes_by_figure"]["recall"] == 2
    assert macro["classes_by_figure"]["fpr"] == 3
    assert metrics["averages"]["micro avg"]["classes"] == 3


def test_the_baseline_always_says_the_most_frequent_class():
    """990 of 1,000 stay."""
    labels = np.repeat([0, 1], [990, 10])
    probabilities = np.tile(np.array([[0.6, 0.4]], np.float32), (1000, 1))
    predictions = Predictions(labels, np.zeros(1000, np.int64), probabilities, 0.1)
    metrics = report_as_json(
        make_report(predictions, ("stay", "leave"), split="val", checkpoint="x")
    )

    assert metrics["baseline"] == {"class": "stay", "accuracy": 0.99}
    assert metrics["accuracy"] == 0.99


def test_classes_are_confused_with_those_they_are_taken_for():
    """Most often first, three at most, never with themselves."""
    labels = np.zeros(12, np.int64)
    predicted = np.array([0, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 4])
    probabilities = np.full((12, 5), 0.2, np.float32)
    metrics = report_as_json(report_of(Predictions(labels, predicted, probabilities, 0.0)))

    confused = metrics["classes"][0]["confused_with"]
    assert [(entry["id"], entry["n"]) for entry in confused] == [(4, 5), (3, 3), (2, 2)]
    assert metrics["classes"][1]["confused_with"] == []
