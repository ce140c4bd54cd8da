"""Evaluate a checkpoint on a split: predictions, every figure of them, and the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mtrain.config.own_code import refuse_code
from mtrain.config.sources import DigitsConfig, OwnData, SyntheticConfig, TableConfig
from mtrain.data import load_dataset
from mtrain.data.inputs import table_kind
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.epoch import single_figures
from mtrain.metrics.report import make_report
from mtrain.metrics.thresholds import predict_above
from mtrain.prediction import check_threshold, check_two_classes, chosen_threshold, predict_split
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.evaluation import write_evaluation
from mtrain.run.files import write_bytes
from mtrain.run.selection import changed_code, find_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.metrics.report import Report
    from mtrain.own.code import UserCode
    from mtrain.records import Dataset
    from mtrain.run.checkpoint import Checkpoint

SPLITS = ("test", "val", "train")


def evaluate(
    checkpoint: Path,
    *,
    split: str = "test",
    data: Path | None = None,
    threshold: float | None = None,
    dataset: Dataset | None = None,
    code: UserCode | None = None,
    allow_code: bool = False,
) -> tuple[Report, Path]:
    """Evaluate a run's best checkpoint, or the one checkpoint named; returns where the files are.

    `data` is another `dataset.path`, of whose rows all are the test split where they bring none and
    are not the data of the training; `threshold`, for two classes, is the probability of class 1
    above which it is predicted, in [0, 1], None: as `evaluation.threshold` of the run says, chosen
    in the checkpoint's last whole epoch if it is to be chosen; `dataset` is the run's own, where it
    is loaded already, and `code` its own code, where it is imported; `allow_code` lets it be. Writes
    into `evaluation/<split>` of the run, of a checkpoint that is not the run's own into
    `evaluation/<split>-<its name>`. Raises `MtrainError` for a checkpoint or data that are damaged or
    do not fit, `UsageError` for a split or a threshold that this run cannot have.
    """
    if split not in SPLITS:
        raise UsageError(f"--split: must be test, val or train, got {split!r}")
    check_threshold(threshold)
    place = find_checkpoint(checkpoint)
    saved = read_checkpoint(place.path)
    if place.is_own and not place.is_best and saved.best not in {None, saved.name}:
        raise MtrainError(
            f"{place.run.checkpoints / 'best'}: is missing, and {saved.best} is the best; name one"
        )
    check_two_classes(threshold, saved)
    codes = saved.config.own_code.values()
    if code is None or any(own.name not in code.objects for own in codes):
        code = None  # this checkpoint is of a config that named other code
        refuse_code(codes, place.path, allowed=allow_code)
    if dataset is None:
        dataset = _load(saved, data, place.path)
    if (rows := dataset.splits.get(split)) is None:
        if "train" not in dataset.splits:
            raise UsageError(f"--split: {dataset.source} are not the data of the training")
        raise UsageError(f"--split: this run has no split {split!r}: dataset.validation is null")
    predictions = predict_split(saved, rows, place, code)
    how = None
    if threshold is None:
        threshold, how = chosen_threshold(saved, place.path)
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
        figures=single_figures(predictions, saved.config.metrics),
        data={
            "source": dataset.source,
            "sha256": dataset.sha256,
            "as_trained_on": dataset.sha256 == saved.identity.get("data.sha256"),
            "notes": [*dataset.notes, *changed_code(place, saved)],
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
        if isinstance(config, DigitsConfig | SyntheticConfig):
            raise UsageError(f"--data: {config.name} comes with scikit-learn and takes no path")
        changes |= {"path": str(data), **({"test_path": None} if is_own else {})}
        if isinstance(config, TableConfig):
            config = config.of_kind(table_kind(data) or config.name)
            changes["val_path"] = None
    dataset = load_dataset(
        config.model_copy(update=changes),
        memory=saved.config.training.memory_bytes,
        encoding=saved.encoding,
        drawn_from=saved.identity.get("data.sha256"),
        takes_others=data is not None,
        # A stranger's run must not send this machine to the network.
        download=False,
    )
    if dataset.classes != saved.classes:
        raise MtrainError(
            f"{dataset.source}: {_named(dataset.classes)}; {path} was trained on "
            f"{_named(saved.classes)}"
        )
    return dataset


def _named(classes: tuple[str, ...]) -> str:
    return f"{len(classes)} classes, {', '.join(classes):.60}"
