"""Evaluate a checkpoint on a split: predictions, every figure of them, and the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.config.evaluation import DEFAULT_THRESHOLD
from mtrain.config.sources import DigitsConfig, OwnData
from mtrain.data import load_dataset
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.epoch import THRESHOLD
from mtrain.metrics.report import make_report
from mtrain.metrics.thresholds import predict_above
from mtrain.run.checkpoint import read_checkpoint, read_checkpoint_arrays
from mtrain.run.evaluation import write_evaluation
from mtrain.run.files import write_bytes
from mtrain.run.selection import find_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

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
    above which it is predicted, in [0, 1], None: as `evaluation.threshold` of the run says, chosen
    in the checkpoint's last whole epoch if it is to be chosen; `dataset` is the run's own, where it is loaded already.
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
        dataset = _load(saved, data, place.path)
    if (rows := dataset.splits.get(split)) is None:
        if "train" not in dataset.splits:
            raise UsageError(f"--split: {data} is not split: it is not the data of the training")
        raise UsageError(f"--split: this run has no split {split!r}: dataset.validation is null")
    predictions = _predict(saved, rows, place.path)
    how = None
    if threshold is None:
        threshold, how = _threshold_of(saved, place.path)
    if threshold is not None:
        predictions = predict_above(predictions, threshold)
    best_by_validation = place.is_best and (saved.config.save_best or "").startswith("val_")
    chosen_by_validation = best_by_validation or (how is not None and "failed" not in how)
    report = make_report(
        predictions,
        saved.classes,
        split=split,
        checkpoint=place.path.name,
        selected=split == "val" and data is None and chosen_by_validation,
        threshold=threshold,
        threshold_chosen=how,
        data={
            "source": dataset.source,
            "sha256": dataset.sha256,
            "as_trained_on": dataset.sha256 == saved.identity.get("data.sha256"),
            "notes": list(dataset.notes),
        },
    )
    folder = place.run.evaluation(split if place.is_own else f"{split}-{place.path.name}")
    folder.mkdir(parents=True, exist_ok=True)
    write_evaluation(folder, report, rows)

    from mtrain.report.evaluation_charts import evaluation_charts

    for name, content in evaluation_charts(report):
        write_bytes(folder / name, content)
    return report, folder


def _load(saved: Checkpoint, data: Path | None, path: Path) -> Dataset:
    """The data of the training, or those at `data`, as the training encoded them."""
    config = saved.config.dataset
    is_own = isinstance(config, OwnData)
    changes: dict[str, Any] = {"classes": saved.classes} if is_own else {}
    if data is not None:
        if isinstance(config, DigitsConfig):
            raise UsageError("--data: digits comes with scikit-learn and takes no path")
        changes |= {"path": str(data), **({"test_path": None} if is_own else {})}
    dataset = load_dataset(
        config.model_copy(update=changes),
        memory=saved.config.training.memory_bytes,
        encoding=saved.encoding,
        unsplit_unless=None if data is None else saved.identity.get("data.sha256"),
        # A stranger's run must not send this machine to the network.
        download=False,
    )
    if dataset.classes != saved.classes:
        raise MtrainError(
            f"{dataset.source}: {_named(dataset.classes)}; {path} was trained on "
            f"{_named(saved.classes)}"
        )
    return dataset


def _threshold_of(saved: Checkpoint, path: Path) -> tuple[float | None, dict[str, Any] | None]:
    """The run's threshold, None where it is simply 0.5, and how it was chosen, if it was."""
    evaluation, history = saved.config.evaluation, saved.history
    if len(saved.classes) != 2 or evaluation.threshold == DEFAULT_THRESHOLD:
        return None, None
    if evaluation.rule is None:
        return evaluation.number, None
    by, at_least = evaluation.rule
    how: dict[str, Any] = {"by": by} if at_least is None else {"by": by, "at_least": at_least}
    how["on"] = "val"
    if not history.epoch:
        return DEFAULT_THRESHOLD, how | {"failed": "no epoch is done yet"}
    how["epoch"] = history.epoch[-1]
    if THRESHOLD not in history.scalars:
        raise MtrainError(f"{path}: its history lacks {THRESHOLD}, which its config asks for")
    threshold = history.scalars[THRESHOLD][-1]
    if np.isnan(threshold):
        counts = history.counts["val"]
        present = counts["tp"][-1][1] + counts["fn"][-1][1] > 0
        why = "no threshold reaches it there" if present else "there is no row of this class"
        return DEFAULT_THRESHOLD, how | {"failed": why}
    if not 0 <= threshold <= 1:
        raise MtrainError(f"{path}: {THRESHOLD} must be between 0 and 1, got {threshold}")
    return threshold, how


def _named(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} classes, {', '.join(classes):.60}"


def _predict(saved: Checkpoint, rows: Split, path: Path) -> Predictions:
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.engine.network import make_network, model_variables, put_arrays, variable_shapes
    from mtrain.engine.prediction import Predictor
    from mtrain.model import build_loss, build_model

    config, n_classes = saved.config, len(saved.classes)
    # What was trained on a CPU is evaluated there, or the figures would differ in the last digits.
    with choose_device("cpu" if saved.device == "cpu" else "auto").scope():
        encoding = saved.encoding
        model = build_model(config.model, encoding.n_features, n_classes, config.seed)
        variables = model_variables(model)
        put_arrays(variables, read_checkpoint_arrays(path, variable_shapes(variables), "model/"))
        network = make_network(
            model, build_loss(config.loss, n_classes), n_classes, encoding.divisor
        )
        predictions = Predictor(network, rows.features.dtype).predict(rows)
    if not np.isfinite(predictions.probabilities).all():
        raise MtrainError(f"{path}: what its weights give is not finite")
    return predictions
