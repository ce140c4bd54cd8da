"""Runs of which only an evaluation was made, from predictions given."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mtrain.metrics.report import make_report
from mtrain.records.dataset import Split
from mtrain.records.report import EvaluatedData
from mtrain.records.training import Predictions
from mtrain.run.evaluation import write_evaluation

CLASSES = ("a", "b", "c")


def written_run(
    path,
    truth,
    predicted,
    classes=CLASSES,
    *,
    rows=None,
    groups=None,
    split="test",
    sha256="ab" * 32,
    as_trained_on=True,
    files=None,
    gates=None,
    confidence=1.0,
    keeps_predictions=True,
    **options,
):
    """The run's directory; each prediction has the probability `confidence`."""
    truth, predicted = np.array(truth), np.array(predicted)
    rows = np.arange(len(truth)) if rows is None else np.array(rows)
    n_classes = len(classes)
    probabilities = np.full(
        (len(truth), n_classes), (1 - confidence) / max(n_classes - 1, 1), np.float32
    )
    probabilities[np.arange(len(truth)), predicted] = confidence
    groups = None if groups is None else np.array(groups)
    predictions = Predictions(truth, predicted, probabilities, 0.1, groups=groups)
    report = make_report(
        predictions,
        classes,
        split=split,
        checkpoint="epoch-0001",
        data=EvaluatedData("rows.csv", sha256, as_trained_on, ()),
        **options,
    )
    inputs = np.zeros((len(truth), 1), np.float32)
    write_evaluation(
        Path(path) / "evaluation" / split,
        report,
        predictions,
        Split(inputs, truth, rows, names=None if files is None else np.array(files)),
        [],
        keeps_predictions=keeps_predictions,
    )
    (Path(path) / "checkpoints").mkdir()
    (Path(path) / "environment.json").write_text("{}")
    listed = "".join(f"\n- '{rule}'" for rule in gates or ())
    (Path(path) / "config.yaml").write_text(f"dataset: digits\ngates: {listed or '[]'}\n")
    return Path(path)
