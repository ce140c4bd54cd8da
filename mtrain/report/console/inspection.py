"""The output of `mtrain check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import numpy as np
from rich.table import Table
from rich.text import Text

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.escape import bytes_as_text
from mtrain.metrics.lowest import lowest
from mtrain.records.report import MOST_CLASSES
from mtrain.report.class_names import class_labels, leave_room, left_out
from mtrain.report.console.output import inert_text, make_console
from mtrain.report.text import first_few, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mtrain.config.experiment.schema import Config
    from mtrain.data.inspect import Inspection
    from mtrain.records.dataset import Encoding

MOST_NAMED = 60
"""Columns whose names are put together; fewer are shown."""


def print_inspection(inspection: Inspection, config: Config, stream: TextIO) -> None:
    """Print the rows of every class in every split, the inputs, and the model."""
    console = make_console(stream)
    console.print(inert_text(f"{config.dataset.name}: {inspection.source}"))
    console.print(inert_text(_inputs(inspection.encoding)))
    if inspection.missing:
        rows = ", ".join(f"{name} {n:,}" for name, n in inspection.missing.items())
        console.print(inert_text(f"rows without a value: {rows}"))
    indices = _fewest(inspection)
    columns, room = leave_room(
        {
            split: [*(Text(f"{counts[k]:,}") for k in indices), Text(f"{counts.sum():,}")]
            for split, counts in inspection.counts.items()
        },
        console.width,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("class", max_width=room, overflow="fold")
    for split in columns:
        table.add_column(split, justify="right", no_wrap=True)
    *counts, totals = zip(*columns.values(), strict=True)
    names = class_labels([inspection.classes[k] for k in indices], room, indices)
    for name, numbers in zip(names, counts, strict=True):
        table.add_row(Text(name), *numbers)
    if more := len(inspection.classes) - len(indices):
        table.add_row(Text(f"and {more:,} classes with no fewer rows to train on", style="dim"))
    table.add_section()
    table.add_row("rows", *totals, style="bold")
    console.print(table)
    for line in left_out(inspection.counts, columns):
        console.print(Text(line, style="dim"))
    console.print(
        Text(
            f"model {_model(inspection, config)}; the data take {bytes_as_text(inspection.n_bytes)}"
        )
    )
    for fact in inspection.facts:
        console.print(inert_text(fact))
    warnings = [
        f"{'' if note.startswith('WARNING') else 'warning: '}{note} [{note.kind}]"
        for note in inspection.warnings
    ]
    for warning in first_few(warnings):
        console.print(inert_text(warning))


def _fewest(inspection: Inspection) -> list[int]:
    """Every class, or of more than a table has room for those with the fewest training rows."""
    counts = next(iter(inspection.counts.values()))
    if len(counts) <= MOST_CLASSES:
        return list(range(len(counts)))
    return lowest(counts.astype(np.float64), MOST_CLASSES)


def _model(inspection: Inspection, config: Config) -> str:
    """The model's shape, and its size; a custom model is built by `fit` only."""
    if isinstance(config.model, CustomModel):
        return config.model.name
    shape = inspection.encoding.n_features, len(inspection.classes)
    parameters = config.model.parameters(*shape)
    arrays = 2 + config.optimizer.slots
    return (
        f"{'-'.join(map(str, config.model.sizes(*shape)))}: {parameters:,} parameters, with "
        f"gradients and optimizer {bytes_as_text(4 * parameters * arrays)}"
    )


def _inputs(encoding: Encoding) -> str:
    if not encoding.columns:
        scaled = "scaled to mean 0 and deviation 1" if encoding.mean else "as they are"
        if encoding.divisor is not None:
            scaled = f"divided by {encoding.divisor:g}"
        return f"{encoding.n_features:,} inputs, of arrays of shape {encoding.shape}, {scaled}"
    names: dict[str, list[str]] = {}
    for column in encoding.columns:
        names.setdefault(column.kind, []).append(column.name)
    kinds = "; ".join(
        f"{len(group):,} {kind}{'s' * (len(group) > 1)} ({_first(group)})"
        for kind, group in names.items()
    )
    n, inputs = len(encoding.columns), encoding.n_features
    return f"{inputs:,} input{'s' * (inputs > 1)}, of {n:,} column{'s' * (n > 1)}: {kinds}"


def _first(names: Sequence[str]) -> str:
    """As many of the names as fit."""
    return shortened(", ".join(names[:MOST_NAMED]))
