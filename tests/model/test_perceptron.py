"""Networks as they are made of a config: parameters, layers, dropout."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal

from mtrain.config.loading.load import load_config
from mtrain.model.dropout import XlaDropout
from mtrain.model.perceptron import build_model, list_layers


@pytest.mark.parametrize(
    ("hidden", "parameters"), [(30, 23_860), ("500x2", 648_010), ("500x5", 1_399_510), ([], 7_850)]
)
def test_models_have_the_parameters_of_the_tutorials(hidden, parameters):
    """And each layer what Keras counts."""
    config = load_config({"model": {"hidden": hidden, "batch_norm": False}}, {})
    model = build_model(config.model, 784, 10, 0)
    layers = list_layers(model)

    assert sum(layer.parameters for layer in layers) == model.count_params() == parameters


def test_layers_say_which_parameters_are_not_trained():
    """Half of batch normalisation's."""
    config = load_config({"model": {"hidden": 30, "batch_norm": True, "dropout": 0.5}}, {})
    model = build_model(config.model, 784, 10, 0)
    layers = list_layers(model)

    assert [layer.kind for layer in layers] == [
        "Dense",
        "BatchNormalization",
        "Activation",
        "Dropout",
        "Dense",
    ]
    trainable = sum(np.prod(weight.shape) for weight in model.trainable_weights)
    assert sum(layer.trainable for layer in layers) == trainable
    assert layers[0].output_shape == (None, 30)


def test_dropout_and_initial_weights_come_from_the_seed():
    """Layer by layer, none the same."""
    config = load_config({"model": {"hidden": "784x2"}}, {})
    first, second, _ = (
        layer.kernel.numpy() for layer in build_model(config.model, 784, 10, 5).layers
    )

    assert not np.array_equal(first, second)
    assert_array_equal(first, build_model(config.model, 784, 10, 5).layers[0].kernel.numpy())


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_under_xla_drops_as_many_and_scales_the_rest(rate):
    """Of 64 units over 1,000 rows, in every step others; no unit and no row is spared."""
    layer = XlaDropout(rate, seed=3)
    ones = tf.ones((1000, 64))
    compiled = tf.function(lambda: layer(ones, training=True), jit_compile=True, autograph=False)
    first, second = compiled().numpy(), compiled().numpy()

    assert_array_equal(layer(ones, training=False), ones)
    for mask in (first, second):
        assert set(np.unique(mask)) == {0, np.float32(1) / np.float32(1 - rate)}
        spread = np.sqrt(rate * (1 - rate) / mask.size)
        assert np.mean(mask == 0) == pytest.approx(rate, abs=5 * spread)
        for axis in (0, 1):
            dropped = (mask == 0).mean(axis=axis)
            expected = rate * (1 - rate) / mask.shape[axis]
            assert dropped.var() == pytest.approx(expected, rel=0.8)
    both = np.mean((first == 0) & (second == 0))
    assert both == pytest.approx(rate**2, abs=0.01)
