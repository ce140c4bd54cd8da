"""Write a config to start from, for the user's data."""

from __future__ import annotations

import math
import os
import shlex
from typing import TYPE_CHECKING, Any

from mtrain.config.catalog.endings import kind_by_ending
from mtrain.config.catalog.writer import dump_inline
from mtrain.config.experiment.training import TrainingConfig
from mtrain.config.loading.load import load_config
from mtrain.data.propose import propose_source, propose_splits
from mtrain.errors import BrokenImageError, MtrainError, UsageError
from mtrain.escape import inert
from mtrain.keywords import option
from mtrain.run.files import write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

EXAMPLE = {"name": "digits"}

BATCHES = ((1_000, 16), (10_000, 32), (100_000, 128), (math.inf, 512))
"""Number of rows below which this batch size is proposed."""

STEPS = 5_000
"""Proposed epochs; early stopping may end training before."""


def init(
    file: Path,
    data: Path | None,
    *,
    target: str | None = None,
    ask: Callable[[Sequence[str], str], str] | None = None,
) -> tuple[str, ...]:
    """Write a commented config to `file`, for scikit-learn's digits or for the data at `data`.

    `target` is a table's column of labels. Without it `ask` is given all columns and the most
    likely one, and returns one; without `ask` the most likely one is taken. Returns notes on the
    chosen column, and on how the table is read. Raises `MtrainError` for a file that exists, and
    for data that cannot be trained on, `UsageError` for a target without a table.
    """
    if file.exists() or file.is_symlink():
        hint = "name another file"
        if data is None and (file.is_dir() or kind_by_ending(file.name)):
            hint = f"for a config for this data: mtrain init config.yaml --data {shlex.quote(str(file))}"
        raise MtrainError(f"is there already; {hint}", where=file)
    memory = TrainingConfig().memory_bytes
    notes: tuple[str, ...] = ()
    if data is None:
        settings: dict[str, Any] = dict(EXAMPLE)
        reasons = {"name": "or mnist, fashion_mnist, csv, parquet, npz, idx, images"}
        rows = 1797
    else:
        try:
            proposal = propose_source(data.absolute(), memory, target=target, ask=ask)
        except BrokenImageError as error:
            raise _about_all_images(error, data.absolute()) from error
        settings, reasons, notes = proposal.settings, proposal.reasons, proposal.notes
        config = load_config({"dataset": settings}, {})
        rows, read = propose_splits(config.dataset, memory)
        settings |= read.settings
        reasons |= read.reasons
        notes += read.notes
        settings["path"] = _relative(data, file)
    if target is not None and "target" not in settings:
        raise UsageError(
            f"is for a table; {data or 'digits'} has no columns", where=option("target")
        )
    write_text(file, "".join(f"{inert(line)}\n" for line in _lines(settings, reasons, rows)))
    return notes


def _about_all_images(error: BrokenImageError, folder: Path) -> MtrainError:
    from mtrain.data.sources.images import about_all, walk_images

    images = (file for file in walk_images(folder) if file.parent != folder)
    return about_all(error, images, str(folder))


def _relative(data: Path, file: Path) -> str:
    """The path for the config: relative to the folder of the file, if it is near."""
    relative = os.path.relpath(data, file.parent)
    return str(data.absolute()) if relative.startswith("../..") else relative


def _lines(settings: Mapping[str, Any], reasons: Mapping[str, str], rows: int) -> Iterator[str]:
    yield "# Every setting that is not here has its default: `mtrain fit` writes all of them into"
    yield "# config.yaml. `mtrain check` looks at the data before anything is trained."
    yield "dataset:"
    for key, value in settings.items():
        yield _commented(f"  {key}: {dump_inline(value)}", reasons.get(key))
    if "validation" not in settings:
        yield "  # validation: {size: 0.2, how: stratified}   # a share of the rows, or a number"
    batch = next(size for most, size in BATCHES if rows < most)
    epochs = min(200, max(10, round(STEPS / math.ceil(0.64 * rows / batch))))
    yield "model:"
    yield _commented(f"  hidden: {64 if rows < 5_000 else '128x2'}", "units: 64, 128x2, [256, 64]")
    yield "optimizer:"
    yield "  name: adam"
    yield "  learning_rate: 0.001"
    yield "metrics: [accuracy, precision, recall, f1]"
    yield "training:"
    yield f"  epochs: {epochs}"
    yield f"  batch_size: {batch}"
    yield "  early_stopping:"
    yield f"    patience: {max(5, epochs // 10)}"
    yield _commented("  # class_weight: balanced", "where a class is rare")


def _commented(line: str, comment: str | None) -> str:
    return line if comment is None else f"{line}   # {comment}"
