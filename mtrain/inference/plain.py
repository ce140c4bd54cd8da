"""Predictions by NumPy alone: of a plain network they are a few products, and TensorFlow takes a second to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.errors import MtrainError, UsageError, dotted
from mtrain.inference.predicted import most_probable
from mtrain.keywords import option
from mtrain.model.plain_network import mean_probabilities
from mtrain.run.plain_network import read_plain_networks, runs_plainly

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.records.dataset import Split
    from mtrain.records.training import Predictions
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace

VALUES_AT_ONCE = 1 << 21
"""Of the widest layer: 8 MB, which a processor keeps near."""


def predict_plainly(
    saved: Checkpoint, rows: Split, place: CheckpointPlace, _code: object = None
) -> Predictions:
    """As `predict_split`, of a network that `check_fast` takes; the loss is NaN."""
    return PlainPredictor(saved, place.path).predict(rows)


def check_fast(saved: Checkpoint) -> None:
    """Raise `UsageError` for all but a perceptron that NumPy can run, without custom code."""
    config = saved.config
    needing = [f"{dotted(key)} {code.name!r}" for key, code in config.custom_code.items()]
    if not (runs_plainly(saved) or isinstance(config.model, CustomModel)):
        needing.append(f"model.activation {config.model.activation!r}")
    if needing:
        raise UsageError(
            f"{needing[0]} needs TensorFlow",
            where=option("fast"),
            remedy=f"leave out {option('fast')}",
        )


class PlainPredictor:
    """Predicts by the arrays of a checkpoint.

    TensorFlow sums in another order: probabilities differ by about 1e-6, and by more where outputs
    before the softmax are large, whose last digits are worth more.
    """

    def __init__(self, saved: Checkpoint, path: Path) -> None:
        """The checkpoint at `path`, whose state is `saved`, has a plain network.

        Raises `MtrainError` for arrays that do not fit its config.
        """
        self._networks = read_plain_networks(saved, path)
        self._divisor = saved.encoding.divisor
        self._path = path
        widest = max(max(layer.kernel.shape) for layer in self._networks[0])
        self._rows = max(1, VALUES_AT_ONCE // widest)

    def predict(self, rows: Split) -> Predictions:
        """Predict every row; the loss is NaN. Raises `MtrainError` for outputs that are not finite."""
        pieces = [
            self._probabilities(rows.features[start : start + self._rows])
            for start in range(0, len(rows), self._rows)
        ]
        probabilities = np.concatenate(pieces)
        if not np.isfinite(probabilities).all():
            raise MtrainError("the outputs of its weights are not finite", where=self._path)
        return most_probable(rows, probabilities)

    def _probabilities(self, features: np.ndarray) -> np.ndarray:
        # Copied where it is divided: the rows are the caller's, and nothing else writes into them.
        inputs = features.astype(np.float32, copy=self._divisor is not None)
        if self._divisor is not None:
            inputs /= np.float32(self._divisor)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
            return mean_probabilities(self._networks, inputs)
