"""Evaluate a checkpoint on a split: predictions, every figure of them, and the charts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.data import load_dataset
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.report import make_report
from mtrain.run.checkpoint import read_checkpoint, read_checkpoint_arrays, read_scaler
from mtrain.run.evaluation import write_evaluation
from mtrain.run.files import write_bytes
from mtrain.run.selection import find_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.config.dataset import DatasetConfig
    from mtrain.config.schema import Config
    from mtrain.metrics.report import Report
    from mtrain.records import Dataset, Predictions, Split
    from mtrain.run.checkpoint import Checkpoint

SPLITS = ("test", "val", "train")


def evaluate(
    checkpoint: Path,
    *,
    split: str = "test",
    data: Path | None = None,
    threshold: float | None = None,
    dataset: Dataset | None = None,
) -> tuple[Report, Path]:
    """Evaluate a run's best checkpoint, or the one checkpoint named; returns where the files are.

    `data` is another `dataset.path`; `threshold`, for two classes, is the probability of class 1
    above which it is predicted, in [0, 1]; `dataset` is the run's own, where it is loaded already.
    Writes into `evaluation/<split>` of the run, of a checkpoint that is not the run's own into
    `evaluation/<split>-<its name>`. Raises `MtrainError` for a checkpoint or data that are damaged
    or do not fit, `UsageError` for a split or a threshold that this run cannot have.
    """
    if split not in SPLITS:
        raise UsageError(f"--split: must be test, val or train, got {split!r}")
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold: must be between 0 and 1, got {threshold}")
    place = find_checkpoint(checkpoint)
    saved = read_checkpoint(place.path)
    if place.is_own and not place.is_best and saved.best not in {None, saved.name}:
        raise MtrainError(
            f"{place.run.checkpoints / 'best'}: is missing, and {saved.best} is the best; name one"
        )
    if threshold is not None and len(saved.classes) != 2:
        raise UsageError(f"--threshold: is for two classes, this run has {len(saved.classes)}")
    if dataset is None:
        scaler = read_scaler(place.path, saved)
        # A stranger's run must not send this machine to the network.
        wanted = _dataset_config(saved.config, data)
        dataset = load_dataset(wanted, scaler=scaler, download=False)
    if (rows := dataset.split(split)) is None:
        raise UsageError(f"--split: this run has no split {split!r}: dataset.validation is null")
    _check_fits(dataset, saved, place.path)
    predictions = _predict(saved, rows, dataset.divisor, place.path)
    if threshold is not None:
        above = predictions.probabilities[:, 1] > np.float32(threshold)
        predictions = replace(predictions, predicted=above.astype(np.int64))
    chosen_by_validation = place.is_best and (saved.config.save_best or "").startswith("val_")
    report = make_report(
        predictions,
        saved.classes,
        split=split,
        checkpoint=place.path.name,
        selected=split == "val" and data is None and chosen_by_validation,
        threshold=threshold,
        data={
            "source": dataset.source,
            "sha256": dataset.sha256,
            "as_trained_on": dataset.sha256 == saved.identity.get("data.sha256"),
        },
    )
    folder = place.run.evaluation(split if place.is_own else f"{split}-{place.path.name}")
    folder.mkdir(parents=True, exist_ok=True)
    write_evaluation(folder, report, rows.rows)

    from mtrain.report.evaluation_charts import evaluation_charts

    for name, content in evaluation_charts(report):
        write_bytes(folder / name, content)
    return report, folder


def _check_fits(dataset: Dataset, saved: Checkpoint, path: Path) -> None:
    if dataset.classes != saved.classes:
        raise MtrainError(
            f"{dataset.source}: {_named(dataset.classes)}; {path} was trained on "
            f"{_named(saved.classes)}"
        )
    if (n_features := dataset.train.features.shape[1]) != saved.n_features:
        raise MtrainError(
            f"{dataset.source}: rows of {n_features} values, {path} was trained on "
            f"{saved.n_features}"
        )


def _named(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} classes, {', '.join(classes):.60}"


def _dataset_config(config: Config, data: Path | None) -> DatasetConfig:
    if data is None:
        return config.dataset
    if config.dataset.name == "digits":
        raise UsageError("--data: digits comes with scikit-learn and takes no path")
    return config.dataset.model_copy(update={"path": str(data)})


def _predict(saved: Checkpoint, rows: Split, divisor: float | None, path: Path) -> Predictions:
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.engine.network import make_network, model_variables, put_arrays, variable_shapes
    from mtrain.engine.prediction import Predictor
    from mtrain.model import build_loss, build_model

    config, n_classes = saved.config, len(saved.classes)
    # What was trained on a CPU is evaluated there, or the figures would differ in the last digits.
    with choose_device("cpu" if saved.device == "cpu" else "auto").scope():
        model = build_model(config.model, saved.n_features, n_classes, config.seed)
        variables = model_variables(model)
        put_arrays(variables, read_checkpoint_arrays(path, variable_shapes(variables), "model/"))
        network = make_network(model, build_loss(config.loss, n_classes), n_classes, divisor)
        predictions = Predictor(network, rows.features.dtype).predict(rows)
    if not np.isfinite(predictions.probabilities).all():
        raise MtrainError(f"{path}: what its weights give is not finite")
    return predictions
