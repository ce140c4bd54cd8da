"""Predict rows without labels with a checkpoint, and write the predictions."""

from __future__ import annotations

import io
import shlex
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Literal, get_args

import numpy as np

from mtrain.config.experiment.custom_code import refuse_code
from mtrain.data.inputs.piece import Seen
from mtrain.data.inputs.read import read_pieces
from mtrain.errors import UsageError
from mtrain.inference.network import open_predictor
from mtrain.inference.plain import PlainPredictor
from mtrain.inference.threshold import check_threshold, check_two_classes, chosen_threshold
from mtrain.keywords import option
from mtrain.metrics.thresholds import predict_above
from mtrain.records.training import Predictions
from mtrain.run.find_checkpoint import changed_code, holds_checkpoints, with_checkpoint
from mtrain.run.plain_network import runs_plainly
from mtrain.run.prediction_table import (
    CsvWriter,
    check_ending,
    check_replaceable,
    open_predictions,
)

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.inference.network import LoadedPredictor
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.run.prediction_table import Writer

Engine = Literal["auto", "tensorflow"]


def predict(
    checkpoint: Path,
    inputs: Path,
    *,
    out: Path | None = None,
    stream: BinaryIO | None = None,
    threshold: float | None = None,
    engine: Engine = "auto",
    allow_code: bool = False,
) -> tuple[str | None, tuple[str, ...]]:
    """Predict the rows at `inputs` with a run's best checkpoint, or the one checkpoint named.

    Writes row, predicted class and the probability of every class to `out`, CSV or Parquet by its
    ending, or as CSV to `stream`, some rows at a time; without either returns them as CSV text.
    Also returns notes on the rows. The `engine` `tensorflow` gives the bits of `evaluate`; `auto` needs
    TensorFlow for custom models alone, and its probabilities are within 1e-6 of those. `threshold` and `allow_code` are as for `evaluate`. Raises
    `MtrainError` for a checkpoint or rows that are damaged or do not fit each other, `UsageError`
    for a run and rows in each other's place, and for an impossible ending or threshold.
    """
    if engine not in get_args(Engine):
        expected = f"choose one of {', '.join(get_args(Engine))}"
        raise UsageError(f"{expected}, got {engine!r}", where=option("engine"))
    if out is not None:
        check_ending(out)
        if out.exists() and inputs.exists() and out.samefile(inputs):
            raise UsageError(
                f"{out} is what is to be predicted", where=option("out"), remedy="name another file"
            )
        check_replaceable(out)
    _check_order(checkpoint, inputs)
    check_threshold(threshold)
    text = io.BytesIO()

    def use(place: CheckpointPlace, saved: Checkpoint) -> tuple[str, ...]:
        check_two_classes(threshold, saved)
        refuse_code(saved.config.custom_code.values(), place.path, allowed=allow_code)
        if out is not None:
            with open_predictions(out, saved.classes) as writer:
                return _predict_pieces(saved, place, inputs, writer, threshold, engine)
        written = text if stream is None else stream
        written.seek(0)
        written.truncate()  # predictions of a checkpoint that was replaced meanwhile
        writer = CsvWriter(written, saved.classes)
        return _predict_pieces(saved, place, inputs, writer, threshold, engine)

    notes = with_checkpoint(checkpoint, use)
    return None if out is not None or stream is not None else text.getvalue().decode(), notes


def _check_order(checkpoint: Path, inputs: Path) -> None:
    """Raise `UsageError` if the run stands in the place of the rows."""
    if checkpoint.exists() and not holds_checkpoints(checkpoint) and holds_checkpoints(inputs):
        command = shlex.join(["mtrain", "predict", str(inputs), str(checkpoint)])
        raise UsageError(
            f"is not a run, but {inputs} is one; the run comes first: `{command}`", where=checkpoint
        )


def _predict_pieces(
    saved: Checkpoint,
    place: CheckpointPlace,
    inputs: Path,
    writer: Writer,
    threshold: float | None,
    engine: Engine,
) -> tuple[str, ...]:
    """Read, predict and write some rows at a time; returns notes on them."""
    config = saved.config
    seen = Seen()
    pieces = read_pieces(inputs, config.dataset, saved.encoding, config.training.memory_bytes)
    first = next(pieces)  # before TensorFlow is loaded: an error in the rows is reported at once
    code = changed_code(place, saved)
    said: tuple[str, ...] = ()
    if threshold is None:
        threshold, choice = chosen_threshold(saved, place.path)
        if threshold is not None:
            why = "by the run's evaluation.threshold"
            if choice is not None and choice.failed is not None:
                why = f"because no other could be chosen: {choice.failed}"
            said = (f"{saved.classes[1]!r} is predicted above {threshold:g}, {why}",)
    with ExitStack() as held:
        network: PlainPredictor | LoadedPredictor | None = None
        if engine == "auto" and runs_plainly(saved):
            network = PlainPredictor(saved, place.path)
        elif first.split:  # without rows TensorFlow need not be loaded
            network = held.enter_context(open_predictor(saved, first.split, place))
        for piece in chain([first], pieces):
            if network is None or not piece.split:
                predictions = _no_predictions(len(saved.classes))
            else:
                predictions = network.predict(piece.split)
            if threshold is not None:
                predictions = predict_above(predictions, threshold)
            writer.write(piece.split, predictions)
            seen.add(piece)
    if saved.cursor.step:
        said = (*said, f"{place.path}: saved within epoch {saved.cursor.epoch + 1}, not at its end")
    return *said, *seen.notes(inputs, saved.encoding), *code


def _no_predictions(n_classes: int) -> Predictions:
    nothing = np.zeros(0, np.int64)
    return Predictions(nothing, nothing, np.zeros((0, n_classes), np.float32), np.nan)
