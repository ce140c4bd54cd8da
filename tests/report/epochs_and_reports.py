"""Predictions, histories and reports to draw and to print."""

from __future__ import annotations

import numpy as np

from mtrain.config.loading.load import load_config
from mtrain.metrics.counts import confusion_matrix
from mtrain.metrics.epoch import epoch_figures
from mtrain.metrics.history import History
from mtrain.metrics.report import make_report
from mtrain.records.run import Segment
from mtrain.records.training import EpochRecord, Predictions, Tally

HOSTILE = ("\x1b[31mred", "[/x]", r"$\frac$", "_x", "=cmd()", "\u202etfel", "é")


def predictions_of(classes, rows=400, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    probabilities = generator.dirichlet(np.ones(classes), rows).astype(np.float32)
    probabilities[np.arange(rows), labels] += generator.random(rows).astype(np.float32)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(labels, probabilities.argmax(axis=1), probabilities, 1.25)


def history_of(classes, epochs=3, *, learns=False):
    """A history of random predictions, better in no way from epoch to epoch.

    If it `learns`, ever more of each class was right at least once, of the first none.
    """
    history = History("a run", classes, segments=[Segment((1, 0))])
    for epoch in range(1, epochs + 1):
        history.append(figures_of(len(classes), epoch, learns=learns), seconds=1.0)
    return history


def figures_of(classes, epoch=1, *, validated=True, learns=False):
    predictions = predictions_of(classes, seed=epoch)
    confusion = confusion_matrix(predictions.labels, predictions.predicted, classes)
    scalars, per_class = {}, {}
    if learns:
        learned = np.arange(classes) / classes * (1 - 2.0**-epoch)
        per_class = {"learned": learned, "forgotten": learned / 4}
        scalars = {name: values.mean() for name, values in per_class.items()}
    tally = Tally(1.5, confusion, scalars=scalars, per_class=per_class)
    record = EpochRecord(epoch, 0.01, tally, predictions if validated else None)
    return epoch_figures(record, load_config({}, {}).metrics)


def report_of(names, **options):
    predictions = predictions_of(len(names))
    return make_report(predictions, names, split="test", checkpoint="epoch-0003", **options)


def names_of(count):
    return tuple(f"class {k}" for k in range(count))
