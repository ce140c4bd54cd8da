"""The result of a training, for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtrain.escape import inert_html
from mtrain.keywords import naming_keywords
from mtrain.records.report import report_as_html

if TYPE_CHECKING:
    import signal
    from pathlib import Path

    import keras

    from mtrain.metrics.history import History
    from mtrain.records.gate import Gate
    from mtrain.records.predicted import Predicted
    from mtrain.records.report import Report


@dataclass(frozen=True, eq=False)
class Run:
    """The result of a training."""

    path: Path
    history: History
    report: Report | None
    """The evaluation on the test split; None if training was stopped, or `report` was false."""

    stopped_by: signal.Signals | None
    """The signal that stopped it."""

    gate: Gate | None = None
    """The result of the config's gates; None if it has none, or nothing was evaluated."""

    def __fspath__(self) -> str:
        """Its directory: a run is accepted wherever a path is."""
        return str(self.path)

    def __repr__(self) -> str:
        parts = [f"{len(self.history.epoch):,} epochs"]
        if self.stopped_by is not None:
            parts.append(f"stopped by {self.stopped_by.name}")
        if self.report is not None and self.report.accuracy is not None:
            parts.append(f"{self.report.split} accuracy {self.report.accuracy:z.3f}")
        return f"<mtrain.Run {self.path}: {', '.join(parts)}>"

    def _repr_html_(self) -> str:
        heading = f"<p>{inert_html(repr(self))}</p>"
        return heading if self.report is None else heading + report_as_html(self.report)

    def model(self, *, allow_code: bool = False) -> keras.Model:
        """The Keras model with the weights of the best checkpoint, or else of the last.

        Its inputs are of shape (N, D), encoded as in the training and divided by the largest value
        (255 for images); `predict` does both itself. `allow_code` is as for `mtrain.evaluate`.
        """
        from mtrain.workflows.model import keras_model

        with naming_keywords():
            return keras_model(self.path, allow_code=allow_code)

    def predict(
        self,
        rows: Any,
        *,
        threshold: float | None = None,
        set_level: float | None = None,
        allow_code: bool = False,
    ) -> Predicted:
        """The class and the probabilities of every row, by the checkpoint that `model` takes.

        `rows` are like the rows that the training read, without labels: an array of shape (N, ...);
        of a table columns (a dict or a data frame), rows (a list of dicts) or one row (a dict of
        single values); or a path, as for `mtrain.predict`, which has the other options.
        """
        from mtrain.workflows.model import load_model

        with naming_keywords():
            model = load_model(self.path, allow_code=allow_code)
            return model.predict(rows, threshold=threshold, set_level=set_level)
