"""Evaluate a checkpoint on a split: predictions, every figure of them, and the charts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data import load_dataset
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.report import make_report
from mtrain.run.checkpoint import find_checkpoint, read_checkpoint
from mtrain.run.evaluation import write_evaluation
from mtrain.run.files import write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.config.dataset import DatasetConfig
    from mtrain.config.schema import Config
    from mtrain.metrics.report import Report
    from mtrain.records import Arrays, Dataset, Predictions, Split
    from mtrain.run.checkpoint import Checkpoint


def evaluate(
    checkpoint: Path,
    *,
    split: str = "test",
    data: Path | None = None,
    threshold: float | None = None,
    dataset: Dataset | None = None,
) -> Report:
    """Evaluate a run's best checkpoint, or the one checkpoint named, and keep what comes out.

    `data` is another `dataset.path`; `threshold`, for two classes, is the probability of class 1
    above which it is predicted, in [0, 1]; `dataset` is the run's own, where it is loaded already.
    Writes into `evaluation_folder`. Raises `MtrainError` for a checkpoint or data that are
    damaged or do not fit, `UsageError` for a split or a threshold that this run cannot have.
    """
    _, path = find_checkpoint(checkpoint)
    saved = read_checkpoint(path)
    if threshold is not None and len(saved.classes) != 2:
        raise UsageError(f"--threshold: is for two classes, this run has {len(saved.classes)}")
    if dataset is None:
        dataset = load_dataset(_dataset_config(saved.config, data), scaler=saved.scaler)
    if (rows := dataset.split(split)) is None:
        raise UsageError(f"--split: this run has no split {split!r}: dataset.validation is null")
    if (n_features := rows.features.shape[1]) != saved.n_features:
        raise MtrainError(
            f"{dataset.source}: rows of {n_features} values, {path} was trained on "
            f"{saved.n_features}"
        )
    predictions = _predict(saved, rows, dataset.divisor, path)
    if threshold is not None:
        above = predictions.probabilities[:, 1] > np.float32(threshold)
        predictions = replace(predictions, predicted=above.astype(np.int64))
    report = make_report(
        predictions,
        saved.classes,
        split=split,
        checkpoint=path.name,
        selected=split == "val" and (saved.config.save_best or "").startswith("val_"),
        threshold=threshold,
    )
    folder = evaluation_folder(checkpoint, split)
    write_evaluation(folder, report, rows.rows)

    from mtrain.report.evaluation_charts import evaluation_charts

    for name, content in evaluation_charts(report):
        write_bytes(folder / name, content)
    return report


def evaluation_folder(checkpoint: Path, split: str) -> Path:
    """Where `evaluate` writes.

    `evaluation/<split>` for the checkpoint that the run directory itself means, else
    `evaluation/<split>-<the checkpoint's name>`.
    """
    run, path = find_checkpoint(checkpoint)
    _, own = find_checkpoint(run.path)
    return run.evaluation(split if path.name == own.name else f"{split}-{path.name}")


def _dataset_config(config: Config, data: Path | None) -> DatasetConfig:
    if data is None:
        return config.dataset
    if config.dataset.name == "digits":
        raise UsageError("--data: digits comes with scikit-learn and takes no path")
    return config.dataset.model_copy(update={"path": str(data)})


def _predict(saved: Checkpoint, rows: Split, divisor: float | None, path: Path) -> Predictions:
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    from mtrain.engine.device import choose_device
    from mtrain.engine.network import make_network, model_variables, put_arrays
    from mtrain.engine.prediction import Predictor
    from mtrain.model import build_loss, build_model

    config, n_classes = saved.config, len(saved.classes)
    with tf.device(choose_device("auto").name):
        model = build_model(config.model, saved.n_features, n_classes, config.seed)
        try:
            put_arrays(model_variables(model), _model_arrays(saved))
        except MtrainError as error:
            raise MtrainError(f"{path}: {error}") from error
        network = make_network(model, build_loss(config.loss, n_classes), n_classes, divisor)
        return Predictor(network, rows.features.dtype).predict(rows)


def _model_arrays(saved: Checkpoint) -> Arrays:
    """The checkpoint's arrays without its optimizer's."""
    arrays = saved.training.arrays
    return {name: array for name, array in arrays.items() if name.startswith("model/")}
