"""The history of a run: the figures of every epoch so far."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mtrain.errors import MtrainError
from mtrain.metrics.counts import ClassCounts, ratio

if TYPE_CHECKING:
    from mtrain.metrics.epoch import EpochFigures
    from mtrain.records.arrays import Floats, Ints
    from mtrain.records.run import Segment


@dataclass
class History:
    """Grows by an epoch at a time; undefined figures are NaN."""

    run: str
    classes: tuple[str, ...]
    epoch: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """Wall time from record to record: training, validation and saving."""

    scalars: dict[str, list[float]] = field(default_factory=dict)
    counts: dict[str, dict[str, list[Ints]]] = field(default_factory=dict)
    """By split and count (tp, fp, fn): each epoch's, of shape (K,)."""

    per_class: dict[str, dict[str, list[Floats]]] = field(default_factory=dict)
    """By split and metric: each epoch's, of shape (K,)."""

    segments: list[Segment] = field(default_factory=list)

    def __repr__(self) -> str:
        return (
            f"<mtrain.History of {self.run!r}: {len(self.epoch):,} epochs, {len(self.classes):,} "
            f"classes, {len(self.scalars):,} scalars>"
        )

    def to_frame(self) -> Any:
        """The scalars as a `pandas.DataFrame`: a row an epoch, with `epoch` as the index.

        Raises `MtrainError` if pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            problem = "pandas is not installed; `pip install pandas` installs it"
            raise MtrainError(f"{problem}, and `history.scalars` has the same figures") from error
        columns = {key: list(values) for key, values in self.scalars.items()}
        return pandas.DataFrame(columns, index=pandas.Index(list(self.epoch), name="epoch"))

    def append(self, figures: EpochFigures, seconds: float) -> None:
        """Add an epoch to the history and to its last segment."""
        self.epoch.append(figures.epoch)
        self.seconds.append(seconds)
        first, _ = self.segments[-1].epochs
        self.segments[-1] = replace(self.segments[-1], epochs=(first, figures.epoch))
        for key, value in figures.scalars.items():
            self.scalars.setdefault(key, []).append(value)
        for split, counts in figures.counts.items():
            columns = self.counts.setdefault(split, {"tp": [], "fp": [], "fn": []})
            for key in columns:
                columns[key].append(getattr(counts, key))
        for split, metrics in figures.per_class.items():
            for key, values in metrics.items():
                column = self.per_class.setdefault(split, {}).setdefault(key, [])
                column.append(values)

    def until(self, epochs: int) -> History:
        """The history after so many epochs from the first."""
        if epochs == len(self.epoch):
            return self

        def first(columns: dict[str, Any]) -> dict[str, Any]:
            return {key: column[:epochs] for key, column in columns.items()}

        *segments, last = self.segments
        return History(
            run=self.run,
            classes=self.classes,
            epoch=self.epoch[:epochs],
            seconds=self.seconds[:epochs],
            scalars=first(self.scalars),
            counts={split: first(columns) for split, columns in self.counts.items()},
            per_class={split: first(columns) for split, columns in self.per_class.items()},
            segments=[*segments, replace(last, epochs=(last.epochs[0], epochs))],
        )

    def figures(self, index: int) -> EpochFigures:
        """The figures of one epoch, as appended."""
        from mtrain.metrics.epoch import EpochFigures

        return EpochFigures(
            epoch=self.epoch[index],
            scalars={key: column[index] for key, column in self.scalars.items()},
            counts={split: self.class_counts(split, index) for split in self.counts},
            per_class={
                split: {key: column[index] for key, column in metrics.items()}
                for split, metrics in self.per_class.items()
            },
        )

    def monitored(self, monitor: str, index: int) -> float:
        """A scalar of one epoch, NaN if it cannot rank epochs.

        An average precision rises when a class stops being predicted, so it says nothing of an
        epoch in which a class that is present never was.
        """
        if monitor.removeprefix("val_") in {"precision_macro", "precision_weighted"}:
            counts = self.class_counts("val" if monitor.startswith("val_") else "train", index)
            if ((counts.support > 0) & (counts.predicted == 0)).any():
                return math.nan
        return self.scalars[monitor][index]

    def class_counts(self, split: str, index: int) -> ClassCounts:
        """The counts of every class of `train` or `val` in one epoch."""
        tp, fp, fn = (self.counts[split][key][index] for key in ("tp", "fp", "fn"))
        return ClassCounts(tp, fp, fn, tn=(tp + fn).sum() - tp - fp - fn)

    def accuracy(self, split: str) -> Floats:
        """Share of the rows of `train` or `val` that were predicted right; shape (epochs,)."""
        tp, _, fn = self._counts(split)
        return ratio(tp.sum(axis=1), (tp + fn).sum(axis=1))

    def by_class(self, split: str, metric: str) -> Floats:
        """`precision` or `recall` of every class of `train` or `val`; shape (epochs, K)."""
        tp, fp, fn = self._counts(split)
        return ratio(tp, tp + (fp if metric == "precision" else fn))

    def _counts(self, split: str) -> list[Ints]:
        shape = (len(self.epoch), len(self.classes))
        counts = self.counts[split]
        return [np.array(counts[key], np.int64).reshape(shape) for key in ("tp", "fp", "fn")]
