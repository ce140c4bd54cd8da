"""A process that does nothing but save epochs with a recorder: strace kills it, or fails its calls.

    python tests/save_state.py RUN CAPTURED

CAPTURED is a checkpoint directory; RUN has checkpoints of earlier epochs of its history, and gets
those that follow.
"""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mtrain.errors import MtrainError
from mtrain.metrics.epoch import EpochFigures
from mtrain.records.training import TrainingState
from mtrain.run import recorder
from mtrain.run.checkpoint import read_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.find_checkpoint import newest_whole

if TYPE_CHECKING:
    from mtrain.metrics.history import History


def main(run: RunDirectory, captured: Path) -> None:
    """Hand the recorder each epoch that RUN has not, and let it finish."""
    checkpoint, start = read_checkpoint(captured), newest_whole(run).checkpoint
    with np.load(captured / "arrays.npz") as file:
        arrays = dict(file)

    def state(epoch: int) -> TrainingState:
        return TrainingState(arrays, replace(checkpoint.cursor, epoch=epoch))

    # A slow process must not write the history once more: its system calls are counted.
    recorder.HISTORY_SECONDS = math.inf
    begun = len(start.history.epoch)
    keeper = recorder.Recorder(run, start, state(begun), is_written=True)
    for index in range(begun, len(checkpoint.history.epoch)):
        # Not by the recorder's clock: each process is to write the same bytes.
        keeper.history.append(figures(checkpoint.history, index), checkpoint.history.seconds[index])
        keeper.epoch(state(index + 1))
    keeper.finish()


def figures(history: History, index: int) -> EpochFigures:
    """Those of one epoch of a history."""
    return EpochFigures(
        epoch=history.epoch[index],
        scalars={key: values[index] for key, values in history.scalars.items()},
        counts={split: history.class_counts(split, index) for split in history.counts},
        per_class={
            split: {key: values[index] for key, values in columns.items()}
            for split, columns in history.per_class.items()
        },
    )


if __name__ == "__main__":
    try:
        main(RunDirectory(Path(sys.argv[1])), Path(sys.argv[2]))
    except MtrainError as error:
        sys.exit(str(error))
