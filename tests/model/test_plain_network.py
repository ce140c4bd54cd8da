"""The plain network predicts as Keras does, whose arrays it has."""

from __future__ import annotations

import numpy as np
import pytest

from mtrain.config.catalog import names
from mtrain.config.experiment.model import ModelConfig
from mtrain.model.plain_activations import ACTIVATIONS
from mtrain.model.plain_network import PlainLayer, plain_network, plain_probabilities, plain_shapes


def test_only_sparsemax_is_left_to_keras():
    assert set(names.ACTIVATIONS) - set(ACTIVATIONS) == {"sparsemax"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_keras(name):
    """Of values small and large, from -100 to 100, in float32."""
    import keras

    x = np.concatenate([np.linspace(-100, 100, 161), np.linspace(-3, 3, 119)]).astype(np.float32)
    x = x.reshape(-1, 7)
    with np.errstate(over="ignore"):
        ours = ACTIVATIONS[name](x.copy())
        of_keras = np.asarray(keras.activations.get(name)(x))

    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, of_keras, rtol=2e-6, atol=5e-7)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_network_is_keras(name, n_classes, batch_norm):
    """Probabilities to a millionth, and the same class where the two largest are further apart."""
    from mtrain.engine.network import model_variables, take_arrays
    from mtrain.model.perceptron import build_model

    config = ModelConfig(hidden=[20, 16], activation=name, batch_norm=batch_norm, dropout=0.1)
    model = build_model(config, 30, n_classes, seed=0)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name in {"moving_mean", "moving_variance", "gamma", "beta"}:
            weight.assign(generator.uniform(0.5, 2, weight.shape))
    arrays = take_arrays(model_variables(model))
    needed = plain_shapes(config, 30, n_classes)
    assert needed == {
        key: (str(array.dtype), array.shape) for key, array in arrays.items() if key in needed
    }
    x = generator.normal(0, 0.3, (300, 30)).astype(np.float32)

    ours = plain_probabilities(plain_network(config, n_classes, arrays), x.copy())

    outputs = np.asarray(model(x))
    of_keras = np.concatenate([1 - outputs, outputs], axis=1) if n_classes == 2 else outputs
    assert ours.dtype == np.float32
    # Sums of large outputs, as these activations have, differ by more in float32.
    tolerance = 3e-6 if name in {"exponential", "log_softmax"} else 1e-6
    np.testing.assert_allclose(ours, of_keras, atol=tolerance, rtol=0)
    second, first = np.sort(of_keras, axis=1)[:, -2:].T
    is_clear = first - second > tolerance
    assert is_clear.any()
    assert (ours.argmax(axis=1) == of_keras.argmax(axis=1))[is_clear].all()


@pytest.mark.parametrize("size", [1, 30, 1000])
def test_the_difference_grows_with_the_outputs(size):
    """Before the softmax, float32 has fewer digits of large ones: 1e-6 holds for those up to ten."""
    import keras

    generator = np.random.default_rng(0)
    x = generator.normal(size=(500, 200)).astype(np.float32)
    kernel = generator.normal(0, 0.07 * size, (200, 5)).astype(np.float32)
    bias = np.zeros(5, np.float32)
    inputs = keras.Input((200,))
    model = keras.Model(inputs, keras.layers.Dense(5, "softmax")(inputs))
    model.set_weights([kernel, bias])

    ours = plain_probabilities([PlainLayer(kernel, bias, "softmax")], x)

    largest = np.abs(x @ kernel).max()
    difference = np.abs(ours - np.asarray(model(x))).max()
    assert difference <= 1e-6 * max(1, largest / 10)
