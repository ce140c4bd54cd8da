"""Predict rows without labels with a checkpoint, and write the predictions."""

from __future__ import annotations

import io
import os
import shlex
from contextlib import ExitStack
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from mtrain.config.catalog.endings import ENDINGS
from mtrain.config.experiment.custom_code import refuse_code
from mtrain.data.files import has_ending
from mtrain.errors import BadRowsError, MtrainError, Problem, UsageError
from mtrain.inference.threshold import check_threshold, check_two_classes
from mtrain.keywords import option
from mtrain.run.bad_rows import check_bad_rows, open_bad_rows
from mtrain.run.find_checkpoint import holds_checkpoints, with_checkpoint
from mtrain.run.prediction_table import (
    CsvWriter,
    check_ending,
    check_names_in_sets,
    check_replaceable,
    open_predictions,
)
from mtrain.training.signals import Received
from mtrain.workflows.loaded_checkpoint import check_engine, check_set_level, make_loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mtrain.data.inputs.piece import Piece
    from mtrain.records.training import Predictions
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace
    from mtrain.run.prediction_table import Writer
    from mtrain.workflows.loaded_checkpoint import Engine


@dataclass(frozen=True)
class Written:
    """What became of the rows."""

    text: str | None
    """The predictions as CSV; None: they are in a file."""

    notes: tuple[str, ...]
    """On the rows."""

    set_aside: int
    """Rows that are not predicted."""


def predict(
    checkpoint: Path,
    inputs: Path,
    *,
    out: Path | None = None,
    stream: BinaryIO | None = None,
    threshold: float | None = None,
    keep: Sequence[str] = (),
    bad_rows: Path | None = None,
    engine: Engine = "auto",
    set_level: float | None = None,
    data: Path | None = None,
    allow_code: bool = False,
    progress: Callable[[int, float], None] | None = None,
    received: Received | None = None,
) -> Written:
    """Predict the rows at `inputs` with a run's best checkpoint, or the one checkpoint named.

    Writes row, predicted class and the probability of every class to `out`, CSV or Parquet by its
    ending, or as CSV to `stream`, some rows at a time; without either returns them as CSV text. Of a
    table the columns to `keep` are written as well, `all`: all of them, and rows with values that cannot
    be predicted are written to `bad_rows`; None: they are errors. `engine` is as for `load_model`,
    `threshold` and `allow_code` as for `evaluate`. With a `set_level` in [0.5, 1) every row has the set of
    classes that it may have, by the run's validation rows, whose data are read where they were, or at
    `data`. `progress` is told the rows predicted so far, and the share of the
    input that is read. Signals that interrupt are `received`, until all rows are predicted; then the files
    are written. Raises `MtrainError` for a checkpoint or rows that are damaged or do not fit each other,
    `UsageError` for a run and rows in each other's place, for a file to be written that is to be
    read, and for an impossible ending or threshold.
    """
    check_engine(engine)
    if out is not None:
        check_ending(out)
    _check_places(inputs, out, bad_rows)
    if out is not None:
        check_replaceable(out)
    if bad_rows is not None:
        check_bad_rows(bad_rows)
    _check_order(checkpoint, inputs)
    check_threshold(threshold)
    check_set_level(set_level, data)
    text = io.BytesIO()

    def use(place: CheckpointPlace, saved: Checkpoint) -> tuple[tuple[str, ...], int]:
        check_two_classes(threshold, saved)
        refuse_code(saved.config.custom_code.values(), place.path, allowed=allow_code)
        if set_level is not None:
            check_names_in_sets(saved.classes)
        model = make_loaded(place, saved, engine)
        rule = None if set_level is None else model.choose_sets(set_level, data)
        with ExitStack() as held:
            writer: Writer
            if out is not None:
                writer = held.enter_context(open_predictions(out, saved.classes))
            else:
                written = text if stream is None else stream
                written.seek(0)
                written.truncate()  # predictions of a checkpoint that was replaced meanwhile
                writer = CsvWriter(written, saved.classes)
            aside = held.enter_context(open_bad_rows(bad_rows))

            done = 0

            def take(piece: Piece, predictions: Predictions) -> None:
                nonlocal done
                writer.write(piece, predictions)
                aside.write(piece.bad)
                done += len(piece.split)
                if progress is not None:
                    progress(done, piece.read)

            is_set_aside = bad_rows is not None
            notes = model.predict_each(
                inputs, take, threshold, keep, sets_aside=is_set_aside, rule=rule
            )
            (received or Received()).defer()  # or of two files only one might be there
            return notes, aside.rows

    try:
        notes, set_aside = with_checkpoint(checkpoint, use)
    except BadRowsError as error:
        aside = f"{option('bad-rows')} FILE sets such rows aside, and predicts the others"
        raise MtrainError(*error.problems, Problem(aside)) from error
    is_text = out is None and stream is None
    return Written(text.getvalue().decode() if is_text else None, notes, set_aside)


def _check_places(inputs: Path, out: Path | None, bad_rows: Path | None) -> None:
    """Raise `UsageError` if a file to be written is one to be read, or both to be written are one."""
    pattern = str(inputs)
    read = [inputs] if inputs.exists() else [Path(name) for name in glob(pattern)]  # noqa: PTH207
    for path, name in ((out, "out"), (bad_rows, "bad-rows")):
        if path is not None and any(_are_same(path, file) for file in read):
            problem = f"{path} is what is to be predicted"
            raise UsageError(problem, where=option(name), remedy="name another file")
    if bad_rows is None:
        return
    if (
        inputs.is_dir()
        and has_ending(bad_rows, ENDINGS["csv"])
        and _are_same(bad_rows.parent, inputs)
    ):
        problem = f"{bad_rows} would be among the rows to be predicted"
        raise UsageError(problem, where=option("bad-rows"), remedy="name another folder")
    if out is not None and _are_same(bad_rows, out):
        raise UsageError("is the file of the predictions", where=option("bad-rows"))


def _are_same(one: Path, other: Path) -> bool:
    """Whether both are one file, through links and other ways of naming it."""
    if one.exists() and other.exists():
        return one.samefile(other)
    # Path.resolve fails of a link to itself.
    return os.path.realpath(one) == os.path.realpath(other)


def _check_order(checkpoint: Path, inputs: Path) -> None:
    """Raise `UsageError` if the run stands in the place of the rows."""
    if checkpoint.exists() and not holds_checkpoints(checkpoint) and holds_checkpoints(inputs):
        command = shlex.join(["mtrain", "predict", str(inputs), str(checkpoint)])
        raise UsageError(
            f"is not a run, but {inputs} is one; the run comes first: `{command}`", where=checkpoint
        )
