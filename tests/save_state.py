"""A process that does nothing but save a captured state: strace kills it, or fails its calls.

    python tests/save_state.py RUN CAPTURED

RUN has a checkpoint of an epoch before that of CAPTURED, a checkpoint directory.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from mtrain.errors import MtrainError
from mtrain.run.checkpoint import read_checkpoint, save_checkpoint
from mtrain.run.directory import RunDirectory
from mtrain.run.selection import list_checkpoints, point_to, remove_all_but


def main(run: RunDirectory, captured: Path) -> None:
    """Save as a training does: the checkpoint, then what names it, then the old one goes."""
    checkpoint = read_checkpoint(captured)
    with np.load(captured / "arrays.npz") as file:
        arrays = dict(file)
    old = [path.name for path in list_checkpoints(run)]
    new = save_checkpoint(run, checkpoint, arrays)
    point_to(run, best=new, last=new)
    remove_all_but(run, {new, *old[:1]})


if __name__ == "__main__":
    try:
        main(RunDirectory(Path(sys.argv[1])), Path(sys.argv[2]))
    except MtrainError as error:
        sys.exit(str(error))
