"""Predict with a checkpoint: the rows of a split, or rows that have no labels."""

from __future__ import annotations

import io
import shlex
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from mtrain.config.evaluation import DEFAULT_THRESHOLD
from mtrain.config.own_code import OwnMetric, refuse_code
from mtrain.data.inputs import Seen, read_pieces
from mtrain.engine.build import build_network
from mtrain.errors import MtrainError, UsageError
from mtrain.metrics.epoch import THRESHOLD
from mtrain.metrics.thresholds import predict_above
from mtrain.model.custom.code import imported
from mtrain.records.report import ThresholdChoice
from mtrain.records.training import Predictions
from mtrain.run.checkpoint import read_checkpoint_arrays
from mtrain.run.find_checkpoint import changed_code, holds_checkpoints, with_checkpoint
from mtrain.run.prediction_table import CsvWriter, check_ending, open_predictions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.engine.network import Network
    from mtrain.engine.predictor import Predictor
    from mtrain.model.custom.code import UserCode
    from mtrain.records.dataset import Split
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.run.prediction_table import Writer


def predict(
    checkpoint: Path,
    inputs: Path,
    *,
    out: Path | None = None,
    stream: BinaryIO | None = None,
    threshold: float | None = None,
    allow_code: bool = False,
) -> tuple[str | None, tuple[str, ...]]:
    """Predict the rows at `inputs` with a run's best checkpoint, or the one checkpoint named.

    Writes row, predicted class and the probability of every class to `out`, CSV or Parquet by its
    ending, or as CSV to `stream`, some rows at a time; without either returns them as CSV text. Also
    returns what is worth saying of the rows. `threshold` and `allow_code` are as for `evaluate`.
    Raises `MtrainError` for a checkpoint or rows that are damaged or do not fit each other,
    `UsageError` for a run and rows in each other's place, and an ending or a threshold that cannot be.
    """
    if out is not None:
        check_ending(out)
        if out.exists() and inputs.exists() and out.samefile(inputs):
            raise UsageError(f"--out: {out} is what is to be predicted; name another file")
    _check_order(checkpoint, inputs)
    check_threshold(threshold)
    text = io.BytesIO()

    def use(place: CheckpointPlace, saved: Checkpoint) -> tuple[str, ...]:
        check_two_classes(threshold, saved)
        refuse_code(saved.config.own_code.values(), place.path, allowed=allow_code)
        if out is not None:
            with open_predictions(out, saved.classes) as writer:
                return _predict_pieces(saved, place, inputs, writer, threshold)
        written = text if stream is None else stream
        written.seek(0)
        written.truncate()  # what a checkpoint wrote that was replaced meanwhile
        writer = CsvWriter(written, saved.classes)
        return _predict_pieces(saved, place, inputs, writer, threshold)

    notes = with_checkpoint(checkpoint, use)
    return None if out is not None or stream is not None else text.getvalue().decode(), notes


def _check_order(checkpoint: Path, inputs: Path) -> None:
    """Raise `UsageError` where the run stands in the place of the rows."""
    if checkpoint.exists() and not holds_checkpoints(checkpoint) and holds_checkpoints(inputs):
        command = shlex.join(["mtrain", "predict", str(inputs), str(checkpoint)])
        raise UsageError(
            f"{checkpoint}: is not a run, but {inputs} is one; the run comes first: `{command}`"
        )


def _predict_pieces(
    saved: Checkpoint,
    place: CheckpointPlace,
    inputs: Path,
    writer: Writer,
    threshold: float | None,
) -> tuple[str, ...]:
    """Read, predict and write some rows at a time; returns what is worth saying of them."""
    config = saved.config
    seen = Seen()
    pieces = read_pieces(inputs, config.dataset, saved.encoding, config.training.memory_bytes)
    first = next(pieces)  # before TensorFlow is loaded: rows that do not fit are said at once
    code = changed_code(place, saved)
    said: tuple[str, ...] = ()
    if threshold is None:
        threshold, choice = chosen_threshold(saved, place.path)
        if threshold is not None:
            why = "by the run's evaluation.threshold"
            if choice is not None and choice.failed is not None:
                why = f"since no other could be chosen: {choice.failed}"
            said = (f"{saved.classes[1]!r} is predicted above {threshold:g}, {why}",)
    with ExitStack() as held:
        # Without any row TensorFlow need not be loaded.
        network = held.enter_context(_predictor(saved, first.split, place)) if first.split else None
        for piece in chain([first], pieces):
            if network is None:
                predictions = _no_predictions(len(saved.classes))
            else:
                predictions = network.predict(piece.split)
            if threshold is not None:
                predictions = predict_above(predictions, threshold)
            writer.write(piece.split, predictions)
            seen.add(piece)
    return *said, *seen.notes(inputs, saved.encoding), *code


def _no_predictions(n_classes: int) -> Predictions:
    nothing = np.zeros(0, np.int64)
    return Predictions(nothing, nothing, np.zeros((0, n_classes), np.float32), np.nan)


def check_threshold(threshold: float | None) -> None:
    """Raise `UsageError` for a threshold that no checkpoint can have."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"--threshold: must be between 0 and 1, got {threshold}")


def check_two_classes(threshold: float | None, saved: Checkpoint) -> None:
    """Raise `UsageError` for a threshold of a checkpoint that can have none."""
    if threshold is not None and len(saved.classes) != 2:
        raise UsageError(f"--threshold: is for two classes, this run has {len(saved.classes)}")


def chosen_threshold(saved: Checkpoint, path: Path) -> tuple[float | None, ThresholdChoice | None]:
    """The run's threshold, None where it is simply 0.5, and how it was chosen, if it was."""
    evaluation, history = saved.config.evaluation, saved.history
    if len(saved.classes) != 2 or evaluation.threshold == DEFAULT_THRESHOLD:
        return None, None
    if evaluation.rule is None:
        return evaluation.number, None
    by, at_least = evaluation.rule
    choice = ThresholdChoice(by, "val", at_least)
    if not history.epoch:
        return DEFAULT_THRESHOLD, replace(choice, failed="no epoch is done yet")
    choice = replace(choice, epoch=history.epoch[-1])
    if THRESHOLD not in history.scalars:
        raise MtrainError(f"{path}: its history lacks {THRESHOLD}, which its config asks for")
    threshold = history.scalars[THRESHOLD][-1]
    if np.isnan(threshold):
        counts = history.counts["val"]
        present = counts["tp"][-1][1] + counts["fn"][-1][1] > 0
        why = "no threshold reaches it there" if present else "there is no row of this class"
        return DEFAULT_THRESHOLD, replace(choice, failed=why)
    if not 0 <= threshold <= 1:
        raise MtrainError(f"{path}: {THRESHOLD} must be between 0 and 1, got {threshold}")
    return threshold, choice


def predict_split(
    saved: Checkpoint,
    rows: Split,
    place: CheckpointPlace,
    code: UserCode | None = None,
) -> Predictions:
    """What the checkpoint at `place`, whose state is `saved`, says of every row.

    `code` is the run's own, where it is imported already. Raises `MtrainError` for arrays that are
    not its config's, or give what is no probability.
    """
    config, n_classes = saved.config, len(saved.classes)
    with _predictor(saved, rows, place, code) as network:
        from mtrain.model.custom.metric import own_metric  # once TensorFlow is loaded, and quiet

        predictions = network.predict(rows)
        own = {
            metric.object: own_metric(metric, network.code, n_classes).of_split(predictions)
            for metric in config.metrics
            if isinstance(metric, OwnMetric)
        }
    return replace(predictions, own=own)


@dataclass(frozen=True, eq=False)
class _Network:
    """A checkpoint's network, loaded."""

    predictor: Predictor
    code: UserCode
    where: Path

    def predict(self, rows: Split) -> Predictions:
        """What it says of every row; raises `MtrainError` for what is no probability."""
        predictions = self.predictor.predict(rows)
        if not np.isfinite(predictions.probabilities).all():
            raise MtrainError(f"{self.where}: what its weights give is not finite")
        return predictions


@contextmanager
def _predictor(
    saved: Checkpoint, rows: Split, place: CheckpointPlace, code: UserCode | None = None
) -> Iterator[_Network]:
    """For rows of the type of `rows`; the rest is as for `predict_split`."""
    with loaded_network(saved, place, code) as (network, found):
        from mtrain.engine.predictor import Predictor

        yield _Network(Predictor(network, rows.features.dtype), found, place.path)


@contextmanager
def loaded_network(
    saved: Checkpoint, place: CheckpointPlace, code: UserCode | None = None
) -> Iterator[tuple[Network, UserCode]]:
    """The network of the checkpoint at `place` with its weights, and the code that it needs.

    Everything else is as for `predict_split`.
    """
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.engine.network import model_variables, put_arrays, variable_shapes

    # Where and with as many threads as it was trained, or the last digits of figures would differ.
    device = choose_device("cpu" if saved.device == "cpu" else "auto", saved.threads)
    codes = saved.config.own_code.values()
    there = imported(codes, place.run.path) if code is None else nullcontext(code)
    with device.scope(), there as found, found.blaming():
        network = build_network(saved.config, saved.encoding, len(saved.classes), found)
        variables = model_variables(network.model) | network.loss_state
        shapes = variable_shapes(variables)
        put_arrays(variables, read_checkpoint_arrays(place.path, shapes, "model/", "loss/"))
        yield network, found
