"""The plain network of a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtrain.config.experiment.custom_code import CustomModel
from mtrain.model.plain_activations import ACTIVATIONS
from mtrain.model.plain_network import TRAINING_ONLY, at_temperature, plain_network, plain_shapes
from mtrain.run.checkpoint import read_checkpoint_arrays, read_member_arrays

if TYPE_CHECKING:
    from pathlib import Path

    from mtrain.model.plain_network import PlainLayer
    from mtrain.run.checkpoint import Checkpoint


def runs_plainly(saved: Checkpoint) -> bool:
    """Whether NumPy can run the network: a perceptron of an activation that is not Keras' alone."""
    model = saved.config.model
    return not isinstance(model, CustomModel) and model.activation in ACTIVATIONS


def read_plain_networks(saved: Checkpoint, path: Path) -> list[list[PlainLayer]]:
    """The layers of the checkpoint at `path`, whose state is `saved`; it must have a plain network.

    Of an ensemble, those of each network. Raises `MtrainError` for arrays that do not fit its config.
    """
    config, n_classes = saved.config.model, len(saved.classes)
    if isinstance(config, CustomModel):
        raise TypeError("a custom model is not plain")
    shapes = plain_shapes(config, saved.encoding.n_features, n_classes)
    if saved.ensemble is None:
        arrays = read_checkpoint_arrays(path, shapes, "model/", without=TRAINING_ONLY)
        return [plain_network(config, n_classes, at_temperature(arrays, saved.temperature))]
    numbers = range(1, saved.n_networks + 1)
    return [plain_network(config, n_classes, read_member_arrays(path, shapes, n)) for n in numbers]
