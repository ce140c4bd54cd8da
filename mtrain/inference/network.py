"""The network of a checkpoint, with its weights."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mtrain.config.experiment.custom_code import CustomMetric
from mtrain.engine.build import build_network
from mtrain.errors import MtrainError
from mtrain.inference.predicted import most_probable
from mtrain.model.custom.code import imported
from mtrain.model.plain_network import TRAINING_ONLY, at_temperature
from mtrain.run.checkpoint import read_checkpoint_arrays, read_member_arrays
from mtrain.statistics.means import mean_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

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

    predictor: Predictor | _MeanPredictor
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
    with _opened(saved, place, code) as loaded_code:
        from mtrain.engine.predictor import Predictor

        if saved.ensemble is None:
            predictor: Predictor | _MeanPredictor = Predictor(
                _run_network(saved, place.path, loaded_code), rows.features.dtype
            )
        else:
            predictor = _MeanPredictor(saved, place.path, loaded_code, rows)
        yield LoadedPredictor(predictor, loaded_code, place.path)


class _MeanPredictor:
    """Predicts the mean of the probabilities of an ensemble's members.

    One network takes the weights of each in turn. A graph with all of them would be optimised otherwise than
    that of one, and probabilities would have other last bits.
    """

    def __init__(self, saved: Checkpoint, path: Path, code: ImportedCode, rows: Split) -> None:
        from mtrain.engine.network import model_variables, variable_shapes
        from mtrain.engine.predictor import Predictor

        network = build_network(saved.config, saved.encoding, len(saved.classes), code)
        self._variables = {
            name: variable
            for name, variable in model_variables(network.model).items()
            if not name.startswith(TRAINING_ONLY)
        }
        self._shapes = variable_shapes(self._variables)
        self._predictor = Predictor(network, rows.features.dtype)
        self._path, self._numbers = path, range(1, saved.n_networks + 1)

    def predict(self, rows: Split) -> Predictions:
        """Predict every row, with one member after the other in memory; the loss is NaN."""
        return most_probable(rows, mean_of(self._predict(number, rows) for number in self._numbers))

    def _predict(self, number: int, rows: Split) -> NDArray[np.float32]:
        from mtrain.engine.network import put_arrays

        put_arrays(self._variables, read_member_arrays(self._path, self._shapes, number))
        return self._predictor.predict(rows).probabilities


@contextmanager
def loaded_network(
    saved: Checkpoint, place: CheckpointPlace, code: ImportedCode | None = None
) -> Iterator[tuple[Network, ImportedCode]]:
    """The network of the checkpoint at `place` with its weights, and the code that it needs.

    Of an ensemble it is one of all its networks. Everything else is as for `predict_split`.
    """
    with _opened(saved, place, code) as loaded_code:
        if saved.ensemble is None:
            yield _run_network(saved, place.path, loaded_code), loaded_code
        else:
            yield _ensemble_network(saved, place.path), loaded_code


@contextmanager
def _opened(
    saved: Checkpoint, place: CheckpointPlace, code: ImportedCode | None
) -> Iterator[ImportedCode]:
    """The code that a checkpoint's network needs, on the device of its training."""
    from mtrain.engine.backend import load_tensorflow

    load_tensorflow()
    from mtrain.engine.device import choose_device

    # With the device and threads of its training, or the last digits of figures would differ.
    device = choose_device("cpu" if saved.device == "cpu" else "auto", saved.threads)
    codes = saved.config.custom_code.values()
    there = imported(codes, place.run.path) if code is None else nullcontext(code)
    with device.scope(), there as loaded_code, loaded_code.attributing_errors():
        yield loaded_code


def _run_network(saved: Checkpoint, path: Path, code: ImportedCode) -> Network:
    """That of the checkpoint at `path`, with its weights."""
    from mtrain.engine.network import model_variables, put_arrays, variable_shapes

    network = build_network(saved.config, saved.encoding, len(saved.classes), code)
    variables = model_variables(network.model) | network.loss_state
    arrays = read_checkpoint_arrays(path, variable_shapes(variables), "model/", "loss/")
    put_arrays(variables, at_temperature(arrays, saved.temperature))
    if (factor := network.numbers.get(OUTPUT_PENALTY)) is not None:
        factor.assign(
            factor * saved.temperature**2
        )  # the penalty of the weights as they were trained
    return network


def _ensemble_network(saved: Checkpoint, path: Path) -> Network:
    """One network of all those of the ensemble at `path`; raises `MtrainError` for arrays that do not fit."""
    from mtrain.engine.build import build_ensemble
    from mtrain.engine.network import model_variables, put_arrays, variable_shapes

    network, members = build_ensemble(
        saved.config, saved.encoding, len(saved.classes), saved.n_networks
    )
    for number, member in enumerate(members, 1):
        variables = model_variables(member)
        put_arrays(variables, read_member_arrays(path, variable_shapes(variables), number))
    return network
