"""Figures of rows that weigh differently."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from random_predictions import nan, random_predictions, report_of
from sklearn import metrics as sklearn_metrics

from mtrain.records.training import Predictions
from mtrain.run.metrics import report_as_json


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
    for seed in range(60):
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
