"""The network of a checkpoint, with its weights."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.custom_code import CustomMetric
from mtrain.engine.build import build_network
from mtrain.errors import MtrainError
from mtrain.model.custom.code import imported
from mtrain.model.plain_network import at_temperature
from mtrain.run.checkpoint import read_checkpoint_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mtrain.engine.network import Network
    from mtrain.engine.predictor import Predictor
    from mtrain.model.custom.code import ImportedCode
    from mtrain.records.dataset import Split
    from mtrain.records.training import Predictions
    from mtrain.run.checkpoint import Checkpoint
    from mtrain.run.find_checkpoint import CheckpointPlace


OUTPUT_PENALTY = "adjustable/output/l2"
"""The name of the factor of the penalty on the output layer's weights."""


def predict_split(
    saved: Checkpoint,
    rows: Split,
    place: CheckpointPlace,
    code: ImportedCode | None = None,
) -> Predictions:
    """Predict every row with the checkpoint at `place`, whose state is `saved`.

    `code` is the run's custom code, if it is imported already. Raises `MtrainError` for arrays that
    do not fit its config, or give no probabilities.
    """
    with open_predictor(saved, rows, place, code) as network:
        from mtrain.model.custom.metric import custom_metric  # once TensorFlow is loaded, and quiet

        predictions = network.predict(rows)
        custom = {
            metric.object: custom_metric(metric, network.code).of_split(predictions)
            for metric in saved.config.metrics
            if isinstance(metric, CustomMetric)
        }
    return replace(predictions, custom=custom)


@dataclass(frozen=True, eq=False)
class LoadedPredictor:
    """A checkpoint's network, loaded."""

    predictor: Predictor
    code: ImportedCode
    where: Path

    def predict(self, rows: Split) -> Predictions:
        """Predict every row; raises `MtrainError` for outputs that are not probabilities."""
        predictions = self.predictor.predict(rows)
        if not np.isfinite(predictions.probabilities).all():
            raise MtrainError("the outputs of its weights are not finite", where=self.where)
        return predictions


@contextmanager
def open_predictor(
    saved: Checkpoint, rows: Split, place: CheckpointPlace, code: ImportedCode | None = None
) -> Iterator[LoadedPredictor]:
    """For rows of the type of `rows`; the rest is as for `predict_split`."""
    with loaded_network(saved, place, code) as (network, loaded_code):
        from mtrain.engine.predictor import Predictor

        yield LoadedPredictor(Predictor(network, rows.features.dtype), loaded_code, place.path)


@contextmanager
def loaded_network(
    saved: Checkpoint, place: CheckpointPlace, code: ImportedCode | None = None
) -> Iterator[tuple[Network, ImportedCode]]:
    """The network of the checkpoint at `place` with its weights, and the code that it needs.

    Everything else is as for `predict_split`.
    """
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device
    from mtrain.engine.network import model_variables, put_arrays, variable_shapes

    # With the device and threads of its training, or the last digits of figures would differ.
    device = choose_device("cpu" if saved.device == "cpu" else "auto", saved.threads)
    codes = saved.config.custom_code.values()
    there = imported(codes, place.run.path) if code is None else nullcontext(code)
    with device.scope(), there as loaded_code, loaded_code.attributing_errors():
        network = build_network(saved.config, saved.encoding, len(saved.classes), loaded_code)
        variables = model_variables(network.model) | network.loss_state
        shapes = variable_shapes(variables)
        arrays = read_checkpoint_arrays(place.path, shapes, "model/", "loss/")
        put_arrays(variables, at_temperature(arrays, saved.temperature))
        if (factor := network.numbers.get(OUTPUT_PENALTY)) is not None:
            factor.assign(
                factor * saved.temperature**2
            )  # the penalty of the weights as they were trained
        yield network, loaded_code
