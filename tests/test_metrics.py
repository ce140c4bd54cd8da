from __future__ import annotations

import math
import warnings
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics

from mtrain.config.experiment.metrics import MetricConfig
from mtrain.config.experiment.training import PlateauConfig
from mtrain.metrics import probabilities as of_probabilities
from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.metrics.epoch import epoch_figures, tally
from mtrain.metrics.history import History
from mtrain.metrics.intervals import wilson
from mtrain.metrics.monitor import Improvement, Plateau, higher_is_better
from mtrain.metrics.probabilities import log_loss
from mtrain.metrics.report import make_report
from mtrain.metrics.scores import one_against_rest, threshold_counts, top_k_hits
from mtrain.metrics.thresholds import predict_above
from mtrain.records.training import EpochRecord, Predictions, Tally
from mtrain.run.evaluation import classification_report
from mtrain.run.metrics import report_as_json

nan = math.nan


def count(labels, predicted, classes):
    return class_counts(confusion_matrix(np.array(labels), np.array(predicted), classes))


def random_predictions(seed, *, ties=False):
    """Some rows, some classes, scores that may tie; a class may be absent or never predicted."""
    generator = np.random.default_rng(seed)
    classes, rows = generator.integers(2, 9), generator.integers(1, 80)
    labels = generator.integers(0, classes, rows)
    probabilities = generator.dirichlet(np.full(classes, 0.4), rows).astype(np.float32)
    if ties:
        probabilities = np.round(probabilities, 1)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, loss=0.0)


def report_of(predictions):
    classes = tuple(f"class {k}" for k in range(predictions.probabilities.shape[1]))
    return make_report(predictions, classes, split="test", checkpoint="epoch-0001")


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
    for seed in range(150):
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
    for seed in range(150):
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


def weights_for(predictions, seed):
    """Of very different sizes; some rows, or all of a class, weigh nothing."""
    generator = np.random.default_rng(seed)
    rows = len(predictions.labels)
    weights = 10 ** generator.uniform(-3, 3, rows) * (generator.random(rows) > 0.2)
    if seed % 3 == 0:
        weights[predictions.labels == predictions.labels[0]] = 0
    return weights


def weighted_areas(predictions, name, average):
    """scikit-learn's, of classes that rows with a weight are and are not; NaN for others."""
    labels, weights = predictions.labels, predictions.weights
    one_hot = labels[:, None] == np.arange(predictions.probabilities.shape[1])
    score = {
        "roc_auc": sklearn_metrics.roc_auc_score,
        "average_precision": sklearn_metrics.average_precision_score,
    }[name]
    if average == "micro":
        columns = [(one_hot.ravel(), predictions.probabilities.ravel())]
        weights = np.repeat(weights, one_hot.shape[1])
    else:
        columns = list(zip(one_hot.T, predictions.probabilities.T, strict=True))
    values = []
    for truths, scores in columns:
        there = set(truths[weights > 0])
        defined = there == {False, True} or (name == "average_precision" and True in there)
        values.append(score(truths, scores, sample_weight=weights) if defined else nan)
    return np.array(values)


@pytest.mark.parametrize("ties", [False, True])
def test_weighted_figures_equal_scikit_learns(ties):
    """Every figure of the block, every average; undefined where nothing with a weight is."""
    for seed in range(150):
        predictions = random_predictions(seed, ties=ties)
        predictions = replace(predictions, weights=weights_for(predictions, seed))
        labels, predicted = predictions.labels, predictions.predicted
        weights = predictions.weights
        if not weights.any():  # which scikit-learn refuses
            continue
        block = report_as_json(report_of(predictions))["sample_weighted"]
        entries = block["classes"]
        classes = range(len(entries))
        matrix = sklearn_metrics.confusion_matrix(
            labels, predicted, labels=classes, sample_weight=weights
        )
        assert_allclose(block["confusion_matrix"], matrix, rtol=1e-12)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sklearn_metrics.classification_report(
                labels,
                predicted,
                labels=classes,
                target_names=[f"class {k}" for k in classes],
                sample_weight=weights,
                zero_division=nan,
                output_dict=True,
            )
        assert block["accuracy"] == pytest.approx(theirs["accuracy"], rel=1e-12)
        averages = block["averages"]
        for ours, name in [
            *((entry, entry["name"]) for entry in entries),
            *((averages[name], name) for name in ("macro avg", "weighted avg")),
        ]:
            values = [nan if ours[key] is None else ours[key] for key in theirs[name]]
            assert_allclose(values, list(theirs[name].values()), rtol=1e-12, atol=1e-12)
        for k, entry in enumerate(entries):
            others = sklearn_metrics.recall_score(
                labels != k, predicted != k, sample_weight=weights, zero_division=nan
            )
            specificity = nan if entry["specificity"] is None else entry["specificity"]
            assert_allclose(specificity, others, rtol=1e-12)
            assert (entry["fpr"] is None) == math.isnan(others)
            if entry["fpr"] is not None:
                assert entry["fpr"] == pytest.approx(1 - others, abs=1e-12)
        support = [entry["support"] for entry in entries]
        for name in ("roc_auc", "average_precision"):
            values = weighted_areas(predictions, name, None)
            ours = [nan if entry[name] is None else entry[name] for entry in entries]
            assert_allclose(ours, values, rtol=0, atol=1e-12)
            micro = averages["micro avg"][name]
            expected = weighted_areas(predictions, name, "micro")[0]
            assert_allclose(nan if micro is None else micro, expected, rtol=0, atol=1e-12)
            defined = ~np.isnan(values)
            if np.any(np.array(support)[defined]):
                mean = np.average(values[defined], weights=np.array(support)[defined])
                assert averages["weighted avg"][name] == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_weighted_averages_equal_scikit_learns(average):
    """Of precision, recall, F1 and both areas, by its own averaging; and the log loss."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 6, 300)
    probabilities = generator.dirichlet(np.ones(6), 300).astype(np.float32)
    predicted = probabilities.argmax(axis=1)
    weights = generator.exponential(2, 300) * (generator.random(300) > 0.2)
    predictions = Predictions(labels, predicted, probabilities, 1.0, weights)
    block = report_as_json(report_of(predictions))["sample_weighted"]

    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, average=average, sample_weight=weights
    )
    rows = {"average": average, "sample_weight": weights}
    one_hot = np.eye(6)[labels]
    expected = {
        "precision": precision,
        "recall": recall,
        "f1-score": f1,
        "roc_auc": sklearn_metrics.roc_auc_score(one_hot, probabilities, **rows),
        "average_precision": sklearn_metrics.average_precision_score(
            one_hot, probabilities, **rows
        ),
    }
    for name, value in expected.items():
        assert block["averages"][f"{average} avg"][name] == pytest.approx(value, abs=1e-12)
    true = probabilities[np.arange(300), labels].astype(np.float64)
    assert block["log_loss"] == pytest.approx(np.average(-np.log(true), weights=weights), rel=1e-12)
    theirs = sklearn_metrics.log_loss(labels, probabilities, sample_weight=weights)
    assert block["log_loss"] == pytest.approx(theirs, rel=1e-6)  # theirs is worked out in float32


def test_weights_change_no_count_and_no_unweighted_figure():
    """All of metrics.json but the block of its own."""
    for seed in range(30):
        plain = random_predictions(seed)
        metrics = report_as_json(report_of(replace(plain, weights=weights_for(plain, seed))))
        del metrics["sample_weighted"]

        assert metrics == report_as_json(report_of(plain))


def test_figures_without_any_weight_are_undefined():
    """No row counts: not 0, not an error."""
    predictions = random_predictions(4)
    weightless = replace(predictions, weights=np.zeros(len(predictions.labels)))
    block = report_as_json(report_of(weightless))["sample_weighted"]

    assert block["accuracy"] is block["log_loss"] is None
    assert block["averages"]["macro avg"]["recall"] is None
    assert block["averages"]["micro avg"]["average_precision"] is None
    assert {entry["roc_auc"] for entry in block["classes"]} == {None}


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


METRICS = tuple(
    MetricConfig(name=name)
    for name in (
        *("accuracy", "precision", "recall", "f1", "specificity", "fpr"),
        *("top_k", "roc_auc", "average_precision", "log_loss"),
    )
)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
def test_averages_in_the_history_equal_scikit_learns(average):
    """Precision, recall, F1 and both areas of one epoch's validation."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 6, 300)
    probabilities = generator.dirichlet(np.ones(6), 300).astype(np.float32)
    predicted = probabilities.argmax(axis=1)
    record = EpochRecord(
        1,
        0.1,
        Tally(1.0, np.eye(6, dtype=np.int64), 6),
        Predictions(labels, predicted, probabilities, 1.0),
    )
    scalars = epoch_figures(record, METRICS).scalars

    precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, average=average
    )
    one_hot = np.eye(6)[labels]
    expected = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": sklearn_metrics.roc_auc_score(one_hot, probabilities, average=average),
        "average_precision": sklearn_metrics.average_precision_score(
            one_hot, probabilities, average=average
        ),
    }
    for name, value in expected.items():
        assert scalars[f"val_{name}_{average}"] == pytest.approx(value, abs=1e-12)


def test_the_history_has_the_scalars_that_the_config_promises():
    """`Config.monitors` is what a monitor is checked against before training."""
    from mtrain.config.loading.load import load_config

    config = load_config({"metrics": [m.name for m in METRICS]}, {})
    predictions = random_predictions(0)
    record = EpochRecord(1, 0.1, tally(predictions, config.metrics), predictions)

    scalars = epoch_figures(record, config.metrics).scalars
    assert set(scalars) - {"learning_rate"} == set(config.monitors)


def test_average_precision_is_no_monitor_while_a_class_is_never_predicted():
    """Macro precision rises when a class stops being predicted."""
    history = History("x", ("a", "b"), epoch=[1, 2])
    history.scalars["val_precision_macro"] = [0.7, 1.0]
    history.counts["val"] = {
        "tp": np.array([[7, 7], [10, 0]]),
        "fp": np.array([[3, 3], [0, 0]]),
        "fn": np.array([[3, 3], [0, 10]]),
    }

    assert history.monitored("val_precision_macro", 0) == 0.7
    assert math.isnan(history.monitored("val_precision_macro", 1))


@pytest.mark.parametrize(
    ("monitor", "values", "improvements"),
    [
        ("val_loss", [nan, 3.0, 1.0, 1.0, -math.inf], [1, 2]),
        ("val_accuracy", [0.1, math.inf, 0.5, 0.5], [0, 2]),
        ("accuracy", [nan, nan], []),
    ],
)
def test_the_best_epoch_is_the_first_best_finite_one(monitor, values, improvements):
    """NaN and infinity are never best, nor is a value that is no better."""
    improvement = Improvement(monitor)

    assert [index for index, value in enumerate(values) if improvement.add(value)] == improvements
    assert not higher_is_better("val_loss")
    assert not higher_is_better("fpr_macro")
    assert higher_is_better("val_recall_macro")


EPOCHS = st.lists(st.integers(0, 6).map(lambda n: n / 4), min_size=1, max_size=14)
MIN_DELTA = st.sampled_from([0.0, 0.25, 0.3])


@settings(max_examples=200)
@given(EPOCHS, st.integers(1, 4), MIN_DELTA, st.sampled_from(["accuracy", "loss"]))
def test_early_stopping_stops_where_keras_does(values, patience, min_delta, monitor):
    """The epoch at which its callback stops a training of these figures."""
    mode = "max" if monitor == "accuracy" else "min"
    callback = keras.callbacks.EarlyStopping(monitor, min_delta, patience, mode=mode)
    model = SimpleNamespace(stop_training=False, metrics=[])
    callback.set_model(model)
    callback.on_train_begin()
    improvement = Improvement(monitor, min_delta)
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        improvement.add(value)
        assert (improvement.waited >= patience) == model.stop_training
        if model.stop_training:
            break


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras' own
@settings(max_examples=300)
@given(
    EPOCHS,
    st.integers(1, 3),
    MIN_DELTA,
    st.integers(0, 3),
    st.sampled_from(["accuracy", "loss"]),
)
def test_the_learning_rate_is_reduced_where_keras_reduces_it(
    values, patience, min_delta, cooldown, monitor
):
    """Epoch by epoch the rate of its callback, down to the smallest."""
    optimizer = keras.optimizers.SGD(0.1)
    mode = "max" if monitor == "accuracy" else "min"
    callback = keras.callbacks.ReduceLROnPlateau(
        monitor, 0.3, patience, mode=mode, min_delta=min_delta, cooldown=cooldown, min_lr=0.002
    )
    callback.set_model(SimpleNamespace(optimizer=optimizer, metrics=[]))
    callback.on_train_begin()
    config = PlateauConfig(factor=0.3, min_learning_rate=0.002)
    plateau = Plateau(monitor, patience, min_delta, cooldown)
    rate = np.float32(0.1)
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {monitor: value})
        if plateau.add(value):
            rate = np.float32(config.reduced(float(rate)))
        assert rate == optimizer.learning_rate.numpy()
