"""Predictions drawn at random, and their counts and reports."""

from __future__ import annotations

import math

import numpy as np

from mtrain.metrics.counts import class_counts, confusion_matrix
from mtrain.metrics.report import make_report
from mtrain.records.training import Predictions

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
