"""Predict with a checkpoint: the rows of a split, or rows that have no labels."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.building import build_network
from mtrain.config.evaluation import DEFAULT_THRESHOLD
from mtrain.config.own_code import OwnMetric, refuse_code
from mtrain.data.inputs import read_inputs
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.epoch import THRESHOLD
from mtrain.metrics.thresholds import predict_above
from mtrain.own.code import imported
from mtrain.run.checkpoint import read_checkpoint, read_checkpoint_arrays
from mtrain.run.predictions import check_ending, predictions_as_csv, write_predictions
from mtrain.run.selection import changed_code, find_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.own.code import UserCode
    from mtrain.records import Predictions, Split
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.selection import CheckpointPlace


def predict(
    checkpoint: Path,
    inputs: Path,
    *,
    out: Path | None = None,
    threshold: float | None = None,
    allow_code: bool = False,
) -> tuple[str | None, tuple[str, ...]]:
    """Predict the rows at `inputs` with a run's best checkpoint, or the one checkpoint named.

    Writes row, predicted class and the probability of every class to `out`, CSV or Parquet by its
    ending; without it returns them as CSV text. Also returns what is worth saying of the rows.
    `threshold` and `allow_code` are as for `evaluate`. Raises `MtrainError` for a checkpoint or rows
    that are damaged or do not fit each other, `UsageError` for an ending or a threshold that cannot
    be.
    """
    if out is not None:
        check_ending(out)
        if out.exists() and inputs.exists() and out.samefile(inputs):
            raise UsageError(f"--out: {out} is what is to be predicted; name another file")
    check_threshold(threshold)
    place = find_checkpoint(checkpoint)
    saved = read_checkpoint(place.path)
    check_two_classes(threshold, saved)
    config = saved.config
    refuse_code(config.own_code.values(), place.path, allowed=allow_code)
    split, notes = read_inputs(inputs, config.dataset, saved.encoding, config.training.memory_bytes)
    notes = (*notes, *changed_code(place, saved))
    predictions = predict_split(saved, split, place, labelled=False)
    if threshold is None:
        threshold, _ = chosen_threshold(saved, place.path)
    if threshold is not None:
        predictions = predict_above(predictions, threshold)
    if out is None:
        return predictions_as_csv(split, predictions, saved.classes), notes
    write_predictions(out, split, predictions, saved.classes)
    return None, notes


def check_threshold(threshold: float | None) -> None:
    """Raise `UsageError` for a threshold that no checkpoint can have."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold: must be between 0 and 1, got {threshold}")


def check_two_classes(threshold: float | None, saved: Checkpoint) -> None:
    """Raise `UsageError` for a threshold of a checkpoint that can have none."""
    if threshold is not None and len(saved.classes) != 2:
        raise UsageError(f"--threshold: is for two classes, this run has {len(saved.classes)}")


def chosen_threshold(saved: Checkpoint, path: Path) -> tuple[float | None, dict[str, Any] | None]:
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


def predict_split(
    saved: Checkpoint,
    rows: Split,
    place: CheckpointPlace,
    code: UserCode | None = None,
    *,
    labelled: bool = True,
) -> Predictions:
    """What the checkpoint at `place`, whose state is `saved`, says of every row.

    `code` is the run's own, where it is imported already; metrics of one's own are only worked out
    of rows that are `labelled`. Raises `MtrainError` for arrays that are not its config's, or give
    what is no probability.
    """
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.engine.network import model_variables, put_arrays, variable_shapes
    from mtrain.engine.prediction import Predictor
    from mtrain.own.metric import own_metric

    config, n_classes = saved.config, len(saved.classes)
    # Where and with as many threads as it was trained, or the last digits of figures would differ.
    device = choose_device("cpu" if saved.device == "cpu" else "auto", saved.threads)
    codes = config.own_code.values()
    there = imported(codes, place.run.path) if code is None else nullcontext(code)
    with device.scope(), there as found, found.blaming():
        network = build_network(config, saved.encoding, n_classes, found)
        variables = model_variables(network.model) | network.loss_state
        shapes = variable_shapes(variables)
        put_arrays(variables, read_checkpoint_arrays(place.path, shapes, "model/", "loss/"))
        predictions = Predictor(network, rows.features.dtype).predict(rows)
        if not np.isfinite(predictions.probabilities).all():
            raise MtrainError(f"{place.path}: what its weights give is not finite")
        own = {
            metric.object: own_metric(metric, found, n_classes).of_split(predictions)
            for metric in config.metrics
            if labelled and isinstance(metric, OwnMetric)
        }
    return replace(predictions, own=own)
