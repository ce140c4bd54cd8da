"""A training without a terminal: one plain line an epoch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

import numpy as np

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.escape import inert
from mtrain.observer import Observer
from mtrain.records.dataset import SPLITS
from mtrain.report.text import duration, figure, share

if TYPE_CHECKING:
    from mtrain.metrics.counts import ClassCounts
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.observer import TrainingFacts

WORST_NAMED = 3


class PlainLines(Observer):
    """Observes a training and writes a line an epoch, the worst classes named."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._classes: tuple[str, ...] = ()
        self._epochs = 0

    def note(self, text: str) -> None:
        """A line."""
        self._write(text)

    def begin(self, facts: TrainingFacts) -> None:
        """Print the device, the data and the model."""
        self._classes = facts.classes
        self._epochs = facts.config.training.epochs
        for line in opening_lines(facts):
            self._write(line)

    def epoch(self, figures: EpochFigures, seconds: float) -> None:
        """One line: the scalars one looks at first, and the classes of lowest recall."""
        counts = shown_counts(figures)
        parts = [f"epoch {figures.epoch:>{len(str(self._epochs))}}/{self._epochs}"]
        for split, counted in figures.counts.items():
            loss = figures.scalars["val_loss" if split == "val" else "loss"]
            right = share(counted.accuracy)
            parts.append(f"{SPLITS[split]}: loss {figure(loss)}, accuracy {right}")
        order = np.argsort(counts.recall, kind="stable")[:WORST_NAMED]
        worst = [k for k in order if counts.support[k]]  # recall of an absent class is undefined
        named = [f"{self._classes[k]} {share(counts.recall[k])}" for k in worst]
        parts.append(f"lowest recall: {', '.join(named)}")
        never = np.flatnonzero((counts.predicted == 0) & (counts.support > 0))
        if len(never):
            names = [self._classes[k] for k in never[:WORST_NAMED]]
            more = f" and {len(never) - len(names)} more" if len(never) > len(names) else ""
            parts.append(f"never predicted: {', '.join(names)}{more}")
        parts.append(duration(seconds))
        self._write("; ".join(parts))

    def trained(self, why: str | None) -> None:
        """Print why training ended before its last epoch."""
        if why is not None:
            self._write(f"Training ended: {why}.")

    def _write(self, line: str) -> None:
        print(inert(line), file=self._stream, flush=True)


def opening_lines(facts: TrainingFacts) -> tuple[str, ...]:
    """The first lines of every training: the device, then the data and the model."""
    train, val = facts.rows["train"], facts.rows.get("val")
    validated = "" if val is None else f", {val:,} for validation"
    rows = f"{train:,} row{'s' if train > 1 else ''}"
    return (
        f"Device: {facts.device}.",
        f"Data: {facts.config.dataset.name}, {rows} for training{validated}.",
        f"Model: {_shape(facts)}, {facts.parameters:,} parameters.",
    )


def _shape(facts: TrainingFacts) -> str:
    """The units of each layer, if they are not many; of a custom model its name."""
    model = facts.config.model
    if isinstance(model, CustomModel):
        return model.name
    layers = model.sizes(facts.n_features, len(facts.classes))
    shape = "-".join(str(units) for units in layers)
    return shape if len(shape) <= 40 else f"{len(layers)} layers"


def shown_counts(figures: EpochFigures) -> ClassCounts:
    """The counts to show: of the validation split if there is one, else of training."""
    return figures.counts.get("val", figures.counts["train"])
