"""Models of ONNX predict, from raw rows, what their runs predict."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import mtrain
from mtrain.config.catalog.names import ACTIVATIONS
from mtrain.exporting.onnx_activations import ACTIVATIONS as OPERATORS
from mtrain.exporting.onnx_graph import Graph

FORMATS = ("onnx", "saved_model", "keras")


def served(path, **inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], inputs)


def trained(folder, config, **settings):
    return mtrain.fit(config, out=folder / "run", progress=False, **settings)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_keras(name):
    """Of values small and large, from -40 to 40."""
    import keras

    x = np.concatenate([np.linspace(-40, 40, 161), np.linspace(-3, 3, 119)]).astype(np.float32)
    x = x.reshape(-1, 7)
    graph = Graph()
    graph.output("y", OPERATORS[name](graph, graph.input("x", np.float32, 7), 7), np.float32, 7)
    session = onnxruntime.InferenceSession(graph.model({}).SerializeToString())
    (ours,) = session.run(["y"], {"x": x})
    with np.errstate(over="ignore"):
        keras_ = np.asarray(keras.activations.get(name)(x))

    np.testing.assert_allclose(ours, keras_, rtol=2e-6, atol=2e-6)
